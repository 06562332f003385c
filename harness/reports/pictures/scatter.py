"""Draws a metric against peak memory, with a panel for each setting and device."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from harness.comparison.findings import findings_of_rows
from harness.metrics import METRICS, MetricSpec
from harness.reports.pictures.frame import (
    MAX_PANELS,
    Label,
    draw_chance,
    draw_limit,
    framed,
    lay_out_finally,
    logarithmic,
    panels_left_out,
    place_labels,
    scale_up,
    spread,
    titled,
)
from harness.reports.pictures.notes import label_of, setting_of, source_notes
from harness.reports.pictures.style import PAPER, Look, drawing, looks
from harness.results.rows import Row

__all__ = ["draw_accuracy_memory", "draw_time_memory"]

Panel = list[Row]

MEMORY = METRICS["peak_memory"]


@dataclass(frozen=True)
class Upward:
    """The metric on the vertical axis.

    Attributes:
        is_logarithmic: whether the axis is.
        tells_budget: whether settings are named with their budgets.
    """

    metric: MetricSpec
    is_logarithmic: bool
    tells_budget: bool

    def place(self, row: Row) -> tuple[float, float] | None:
        """Return a row's memory and value; None if it lacks either."""
        memory, value = row.value(MEMORY.name), row.value(self.metric.name)
        return None if memory is None or value is None else (memory, value)

    def reach(self, row: Row) -> tuple[float, float] | None:
        """Return how far below and above the value its error bar reaches; None for none."""
        value = row.values[self.metric.name]
        if self.metric.shows_spread:
            return None if value.interval is None else (value.interval, value.interval)
        if value.low is None or value.high is None:
            return None
        return max(value.value - value.low, 0.0), max(value.high - value.value, 0.0)

    def setting(self, row: Row) -> str:
        """Name the setting of a row."""
        return setting_of(row, tells_budget=self.tells_budget)


MOST_MARKS = 60  # of a panel
MOST_NAMES = 20  # beside marks
# The part of the axis beyond the limit: wide enough for its label, and for what did not fit.
ROOM, ROOM_FOR_NAMES = 0.1, 0.34


def draw_accuracy_memory(rows: Sequence[Row], notes: Sequence[str] = ()) -> Figure | str:
    """Draw accuracy against peak memory; return why if there is nothing to draw.

    Args:
        rows: one for each method, setting and device; those that did not fit are named in a panel.
        notes: further lines under the picture, such as that the budget is scaled.
    """
    upward = Upward(METRICS["accuracy"], False, _has_several_budgets(rows))
    drawn = [row for row in rows if upward.place(row)]
    if not drawn:
        return "No trial has both an accuracy and a peak memory."
    spreads = any(upward.reach(row) for row in drawn)
    bars = ["Bars: 95 % interval of the mean, over seeds or over the tasks of one."]
    bars = bars if spreads else ["Bars: none, since no mean has an interval."]
    bars += [each for each in findings_of_rows(rows) if each.startswith("Accuracy")]
    title = _fit_title("Accuracy against peak memory", rows, upward)
    with drawing():
        return _memory_panels(title, [*notes, *bars], rows, upward)


def draw_time_memory(rows: Sequence[Row], notes: Sequence[str] = ()) -> Figure | str:
    """Draw search time against peak memory; say why if there is nothing to draw.

    Time is that of the search steps of one task, or of all epochs of a full task.

    Args:
        rows: as for `draw_accuracy_memory`, with estimates among them.
        notes: the same for notes.
    """
    upward = Upward(METRICS["search_time"], True, _has_several_budgets(rows))
    drawn = [row for row in rows if upward.place(row)]
    if not drawn:
        return "No trial has both a time and a peak memory."
    said = ["Time is of one task's search steps, or of all epochs of a full task."]
    if any(upward.reach(row) for row in drawn):
        said.append("Bars: where nine of ten predicted times would be.")
    title = _fit_title("Search time against peak memory", rows, upward)
    with drawing():
        return _memory_panels(title, [*notes, *said], rows, upward)


def _has_several_budgets(rows: Sequence[Row]) -> bool:
    return len({row.records[0].budget.allowed for row in rows if row.records}) > 1


def _memory_panels(title: str, notes: Sequence[str], rows: Sequence[Row], upward: Upward) -> Figure:
    """Draw peak memory from left to right, and another metric upwards.

    Args:
        title: what is seen.
        notes: lines under the panels, beside those that say what the marks mean.
        rows: the rows; those without a value are named as not fitting, or left out.
        upward: the vertical axis.
    """
    panels = _panels(rows, upward)
    sources = [
        each
        for row in rows
        if upward.place(row)
        for each in (row.mode, row.values[upward.metric.name].source)
    ]
    every = [*notes, *source_notes(sources), *panels_left_out(len(panels))]
    every += _marks_left_out(panels)
    figure, grid = framed(title, every, min(len(panels), MAX_PANELS))
    styles = looks(label_of(row.method) for row in rows)
    for axes, panel in zip(grid, panels, strict=False):
        setting = upward.setting(panel[0])
        _draw_panel(axes, panel, upward, [r for r in rows if upward.setting(r) == setting])
        for row in panel[:MOST_MARKS]:
            _mark(axes, row, upward, styles[label_of(row.method)])
    lay_out_finally(figure)  # labels are placed where there is room then
    for axes, panel in zip(grid, panels, strict=False):
        _label(axes, panel[:MOST_MARKS], upward, styles)
    return figure


def _fit_title(words: str, rows: Sequence[Row], upward: Upward) -> str:
    """Say after `words` how many methods fit the smallest device."""
    limits = {label_of(row.model): row.limit_mib for row in rows if row.limit_mib is not None}
    if not limits:
        return words
    device = min(limits, key=lambda name: limits[name])
    there = [row for row in rows if label_of(row.model) == device]
    methods = {label_of(row.method) for row in there}
    fitting = methods - {label_of(row.method) for row in there if row.fits is False}
    settings = len({upward.setting(row) for row in there})
    everywhere = f" in all {settings} settings" if settings > 1 else ""
    verb = "fits" if len(fitting) == 1 else "fit"
    return f"{words}: {len(fitting)} of {len(methods)} methods {verb} {device}{everywhere}"


def _panels(rows: Iterable[Row], upward: Upward) -> list[Panel]:
    """Put the rows of one setting on one device together, in the order they first appear."""
    panels: dict[tuple[str, str, str], Panel] = {}
    for row in rows:
        if upward.place(row) or row.fits is False:
            key = (upward.setting(row), label_of(row.model), row.mode)
            panels.setdefault(key, []).append(row)
    return list(panels.values())


def _marks_left_out(panels: Sequence[Panel]) -> list[str]:
    most = max(map(len, panels), default=0)
    return [f"Each panel shows the first {MOST_MARKS} methods."] if most > MOST_MARKS else []


def _draw_panel(axes: Axes, panel: Panel, upward: Upward, comparable: Panel) -> None:
    """Draw a panel with its title and limit; panels of one setting have the same scale."""
    first = panel[0]
    titled(axes, f"{upward.setting(first)}\n{label_of(first.model)} ({first.mode})")
    up = upward.metric.axis(is_logarithmic=upward.is_logarithmic)
    axes.set(xlabel=MEMORY.axis(is_logarithmic=True), ylabel=up)
    places = [place for row in panel if (place := upward.place(row))]
    lacking = [
        label_of(row.method) for row in panel if row.fits is False and upward.place(row) is None
    ]
    logarithmic(axes, "x", _ends([x for x, _ in places], first.limit_mib, bool(lacking)))
    reached = [end for row in comparable for end in _reached(row, upward)]
    chance = first.chance if upward.metric.name == "accuracy" else None
    if reached:
        reached += [] if chance is None else [chance]
        scale_up(axes, reached, is_logarithmic=upward.is_logarithmic)
    if chance is not None and reached:
        draw_chance(axes, chance)
    if first.limit_mib is not None:
        draw_limit(axes, first.limit_mib, lacking)


def _ends(memory: Sequence[float], limit: float | None, names: bool) -> tuple[float, float]:
    """Return the ends of the axis: it holds the limit, and words beyond it."""
    if limit is None:
        return spread(memory)
    low, high = spread([*memory, limit])
    room = ROOM_FOR_NAMES if names else ROOM
    return low, max(high, limit * (limit / low) ** (room / (1 - room)))


def _reached(row: Row, upward: Upward) -> tuple[float, ...]:
    """Return the ends of a mark with its bar; none where there is no mark."""
    place = upward.place(row)
    reach = (upward.reach(row) if place else None) or (0.0, 0.0)
    return () if place is None else (place[1] - reach[0], place[1] + reach[1])


def _mark(axes: Axes, row: Row, upward: Upward, look: Look) -> None:
    place = upward.place(row)
    if place is None:
        return
    reach = upward.reach(row)
    filled = row.mode == row.values[upward.metric.name].source == "measured"
    style: dict[str, Any] = {"color": look.colour, "zorder": 4, "ls": "none"}
    if reach is not None and any(reach):  # a bar takes longer to draw than all else of a mark
        axes.errorbar(*place, yerr=[[reach[0]], [reach[1]]], elinewidth=0.8, **style)
    face = look.colour if filled else PAPER
    axes.plot(*place, marker=look.marker, mfc=face, mew=1.2, **style)


def _label(axes: Axes, panel: Panel, upward: Upward, styles: dict[str, Look]) -> None:
    labels = [
        Label(name, *place, styles[name].words)
        for row in panel
        if (place := upward.place(row)) and (name := label_of(row.method))
    ]
    homeless = place_labels(axes, labels[:MOST_NAMES], _taken(axes, panel, upward))
    nameless = len(homeless) + len(labels[MOST_NAMES:])
    if nameless:
        axes.annotate(
            f"no room for a name: {nameless}", (0, 0), (2, 2), size=6.5,
            xycoords="axes fraction", textcoords="offset points",
        )  # fmt: skip


def _taken(axes: Axes, panel: Panel, upward: Upward) -> list[Bbox]:
    """Return the boxes, in pixels, of words, bars and the limit: labels stay clear of them."""
    transform = axes.transData.transform
    lines = [
        ((place[0], ends[0]), (place[0], ends[1]))
        for row in panel
        if (place := upward.place(row)) and (ends := _reached(row, upward))
    ]
    if (limit := panel[0].limit_mib) is not None:
        bottom, top = axes.get_ylim()
        lines.append(((limit, bottom), (limit, top)))
    words = [text.get_window_extent() for text in axes.texts]
    return [*words, *(Bbox(transform(line)).padded(1.0) for line in lines)]
