"""What both pictures of memory share: a panel a setting and device, a mark a method."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import Bbox

from harness.report.pictures.frame import (
    MAX_PANELS,
    framed,
    lay_out_finally,
    panels_left_out,
)
from harness.report.pictures.memory_axis import draw_limit, logarithmic, scale_up, spread
from harness.report.pictures.notes import source_notes
from harness.report.pictures.placing import Label, place_labels
from harness.report.pictures.points import Point, Source
from harness.report.pictures.style import PAPER, Look, looks

__all__ = ["Upward", "fit_title", "memory_panels"]

Panel = list[Point]


@dataclass(frozen=True)
class Upward:
    """What a picture shows from bottom to top.

    Attributes:
        words: the axis's label, with the unit.
        value: of a point; None where it is not known.
        spread: how far below and above the value its error bar reaches; None for none.
        source: where the value is from.
        logarithmic: whether the axis is.
    """

    words: str
    value: Callable[[Point], float | None]
    spread: Callable[[Point], tuple[float, float] | None]
    source: Callable[[Point], Source]
    logarithmic: bool = False

    def place(self, point: Point) -> tuple[float, float] | None:
        """Return a point's memory and value; None where it lacks either."""
        memory, value = point.memory_mib, self.value(point)
        return None if memory is None or value is None else (memory, value)


MOST_MARKS = 60  # of a panel
MOST_NAMES = 20  # beside marks
# The part of the axis beyond the limit: wide enough for its label, and for what did not fit.
ROOM, ROOM_FOR_NAMES = 0.1, 0.34


def memory_panels(
    title: str, notes: Sequence[str], points: Sequence[Point], upward: Upward
) -> Figure:
    """Draw peak memory from left to right, and another value upwards.

    Args:
        title: what is seen.
        notes: lines under the panels, beside those that say what the marks mean.
        points: what is drawn; those that lack a value are named as not fitting, or left out.
        upward: the other axis.
    """
    panels = _panels(points, upward)
    sources = [each for p in points if upward.place(p) for each in (p.source, upward.source(p))]
    every = [*notes, *source_notes(sources), *panels_left_out(len(panels))]
    every += _marks_left_out(panels)
    figure, grid = framed(title, every, min(len(panels), MAX_PANELS))
    styles = looks(point.method for point in points)
    for axes, panel in zip(grid, panels, strict=False):
        _draw_panel(axes, panel, upward, [p for p in points if p.setting == panel[0].setting])
        for point in panel[:MOST_MARKS]:
            _mark(axes, point, upward, styles[point.method])
    lay_out_finally(figure)  # labels are placed where there is room then
    for axes, panel in zip(grid, panels, strict=False):
        _label(axes, panel[:MOST_MARKS], upward, styles)
    return figure


def fit_title(words: str, points: Sequence[Point]) -> str:
    """Say after `words` how many methods fit the smallest device."""
    limits = {point.device: point.limit_mib for point in points if point.limit_mib is not None}
    if not limits:
        return words
    device = min(limits, key=lambda name: limits[name] or 0.0)
    there = [point for point in points if point.device == device]
    methods = {point.method for point in there}
    fitting = methods - {point.method for point in there if not point.fits}
    settings = len({point.setting for point in there})
    everywhere = f" in all {settings} settings" if settings > 1 else ""
    verb = "fits" if len(fitting) == 1 else "fit"
    return f"{words}: {len(fitting)} of {len(methods)} methods {verb} {device}{everywhere}"


def _panels(points: Iterable[Point], upward: Upward) -> list[Panel]:
    """Put the points of one setting on one device together, in the order they first appear."""
    panels: dict[tuple[str, str, Source], Panel] = {}
    for point in points:
        if upward.place(point) or not point.fits:
            panels.setdefault((point.setting, point.device, point.source), []).append(point)
    return list(panels.values())


def _marks_left_out(panels: Sequence[Panel]) -> list[str]:
    most = max(map(len, panels), default=0)
    return [f"Of each panel the first {MOST_MARKS} methods."] if most > MOST_MARKS else []


def _draw_panel(axes: Axes, panel: Panel, upward: Upward, comparable: Panel) -> None:
    """Make the axes of a panel, its title and its limit; those of one setting have one scale."""
    first = panel[0]
    axes.set_title(f"{first.setting}\n{first.device} ({first.source})")
    axes.set(xlabel="peak memory (MiB, log scale)", ylabel=upward.words)
    places = [place for point in panel if (place := upward.place(point))]
    lacking = [point.method for point in panel if not point.fits and point.memory_mib is None]
    logarithmic(axes, "x", _ends([x for x, _ in places], first.limit_mib, bool(lacking)))
    if reached := [end for point in comparable for end in _reached(point, upward)]:
        scale_up(axes, reached, is_logarithmic=upward.logarithmic)
    if first.limit_mib is not None:
        draw_limit(axes, first.limit_mib, lacking)


def _ends(memory: Sequence[float], limit: float | None, names: bool) -> tuple[float, float]:
    """Return the ends of the axis: it holds the limit, and words beyond it."""
    if limit is None:
        return spread(memory)
    low, high = spread([*memory, limit])
    room = ROOM_FOR_NAMES if names else ROOM
    return low, max(high, limit * (limit / low) ** (room / (1 - room)))


def _reached(point: Point, upward: Upward) -> tuple[float, ...]:
    """Return the ends of a mark with its bar; none where there is no mark."""
    place, reach = upward.place(point), upward.spread(point) or (0.0, 0.0)
    return () if place is None else (place[1] - reach[0], place[1] + reach[1])


def _mark(axes: Axes, point: Point, upward: Upward, look: Look) -> None:
    place, reach = upward.place(point), upward.spread(point)
    if place is None:
        return
    filled = point.source == upward.source(point) == "measured"
    style: dict[str, Any] = {"color": look.colour, "zorder": 4, "ls": "none"}
    if reach is not None and any(reach):  # a bar takes longer to draw than all else of a mark
        axes.errorbar(*place, yerr=[[reach[0]], [reach[1]]], elinewidth=0.8, **style)
    face = look.colour if filled else PAPER
    axes.plot(*place, marker=look.marker, mfc=face, mew=1.2, **style)


def _label(axes: Axes, panel: Panel, upward: Upward, styles: dict[str, Look]) -> None:
    labels = [
        Label(point.method, *place, styles[point.method].words)
        for point in panel
        if (place := upward.place(point))
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
        for point in panel
        if (place := upward.place(point)) and (ends := _reached(point, upward))
    ]
    if (limit := panel[0].limit_mib) is not None:
        bottom, top = axes.get_ylim()
        lines.append(((limit, bottom), (limit, top)))
    words = [text.get_window_extent() for text in axes.texts]
    return [*words, *(Bbox(transform(line)).padded(1.0) for line in lines)]
