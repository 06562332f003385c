"""Draws variants of one method: metrics over the parameter that differs, or memory as bars."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from harness.fields import spelled
from harness.metrics import METRICS, MetricSpec
from harness.reports.cells import column_of
from harness.reports.lines import Line
from harness.reports.pictures.frame import MAX_PANELS, draw_chance, framed, panels_left_out
from harness.reports.pictures.lines import LinePanel, PlotLine, draw_line_panels
from harness.reports.pictures.notes import Beside, label_of, setting_of, source_notes
from harness.reports.pictures.style import INK, MUTED, PAPER, drawing
from harness.reports.table import Mark, TableCell, shown
from harness.results.record import Record

__all__ = ["Bar", "Family", "bars_of", "draw_breakdown", "draw_sweep", "families"]

UPWARD = (METRICS["accuracy"], METRICS["peak_memory"])


@dataclass(frozen=True)
class Family:
    """The variants of one method.

    Attributes:
        method: its name.
        keys: the parameters that are not the same in all variants, in the method's order.
        records: those of all variants.
    """

    method: str
    keys: tuple[str, ...]
    records: tuple[Record, ...]

    @property
    def parameter(self) -> str | None:
        """The one parameter that differs, if it is a number; None for mechanisms."""
        if len(self.keys) != 1:
            return None
        values = [record.method.params.get(self.keys[0]) for record in self.records]
        are_numbers = all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values)
        return self.keys[0] if are_numbers else None

    def variant(self, record: Record) -> str:
        """Return the name of a record's variant: the values of the parameters that differ."""
        params = record.method.params
        return ", ".join(f"{key} {spelled(params[key])}" for key in self.keys if key in params)


def draw_sweep(family: Family, notes: Sequence[str] = ()) -> Figure | str:
    """Draw for each device accuracy and memory over the parameter; a line for each setting.

    Says why if there is nothing to draw.
    """
    key = family.parameter
    if key is None:
        return f"{family.method}: its variants do not differ in one number alone."
    panels = [
        _panel(device, metric, lines, key, records)
        for device, records in _by(family.records, _device).items()
        for metric in UPWARD
        if (lines := _lines(records, key, metric.name))
    ]
    if not panels:
        return f"{family.method}: no trial has an accuracy or a peak memory."
    title = f"{label_of(family.method)}: accuracy and memory over {label_of(key)}"
    legend = source_notes(record.device.mode for record in family.records)
    bands = "Lines: means over seeds; bands: from the smallest to the largest."
    with drawing():
        return draw_line_panels(title, [*notes, bands, *legend], panels)


def _panel(
    device: str, metric: MetricSpec, lines: Sequence[PlotLine], key: str, records: Sequence[Record]
) -> LinePanel:
    whole = all(float(x).is_integer() for line in lines for x in line.x)
    ticks = MaxNLocator(integer=whole)
    chances = {each.chance for each in records} if metric.name == "accuracy" else set()

    def dress(axes: Axes) -> None:
        axes.xaxis.set_major_locator(ticks)
        for chance in sorted(each for each in chances if each is not None):
            draw_chance(axes, chance)

    return LinePanel(device, label_of(key), metric.axis(), lines, len(lines), dress)


def _by(records: Sequence[Record], name: Callable[[Record], str]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(name(record), []).append(record)
    return groups


def _device(record: Record) -> str:
    return f"{label_of(record.device.model)} ({record.device.mode})"


def _lines(records: Sequence[Record], key: str, what: str) -> list[PlotLine]:
    lines = [_line(name, own, key, what) for name, own in _by(records, setting_of).items()]
    return [line for line in lines if line.x]


def _line(name: str, records: Sequence[Record], key: str, what: str) -> PlotLine:
    """Join the seeds at each value of the parameter; what was not captured is left out."""
    found: dict[float, list[float]] = {}
    for record in records:
        metric = record.metrics.get(what)
        if record.status == "ok" and metric is not None and metric.value is not None:
            found.setdefault(float(record.method.params[key]), []).append(metric.value)
    places = sorted(found)
    return PlotLine(
        name=name,
        x=places,
        y=[fmean(found[x]) for x in places],
        low=[min(found[x]) for x in places],
        high=[max(found[x]) for x in places],
        hollow=any(record.device.mode != "measured" for record in records),
    )


def families(records: Iterable[Record]) -> list[Family]:
    """Return the methods of which there are several variants."""
    methods: dict[str, list[Record]] = {}
    for record in records:
        methods.setdefault(record.method.name, []).append(record)
    found = [
        Family(name, _differing([each.method.params for each in own]), tuple(own))
        for name, own in methods.items()
    ]
    return [family for family in found if family.keys]


def _differing(variants: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    first = variants[0]
    keys = dict.fromkeys(key for params in variants for key in params)
    return tuple(key for key in keys if any(p.get(key) != first.get(key) for p in variants))


MEMORY = column_of(METRICS["peak_memory"])
MOST_BARS = 16  # of a panel
ROW = 0.27  # inches a bar
SHORT = 44  # characters of a name
PLAIN = "as it is"  # a method with all its parameters at their defaults
HATCHES: dict[Mark, str] = {"": "", "emulated": "////", "predicted": "....", "tabular": "----"}
LEGEND: dict[Mark, str] = {
    "": "Filled bars: measured on the device.",
    "emulated": "Hatched bars, *: emulated; memory counted on another machine.",
    "predicted": "Dotted bars, ~: predicted from shapes; nothing was run.",
}


@dataclass(frozen=True)
class Bar:
    """The peak memory of one variant in one setting.

    Attributes:
        panel: the setting.
        name: of the variant.
        memory: in MiB, the largest over seeds and devices, with the mark of its source.
        published: the same as it was published; None where it was not.
    """

    panel: str
    name: str
    memory: TableCell
    published: float | None = None


def bars_of(lines: Iterable[Line], beside: Beside) -> dict[str, list[Bar]]:
    """Return for each method of which there are several variants their bars.

    Args:
        lines: what was run or estimated.
        beside: what suites call the variants, and their published memory.
    """
    methods: dict[str, list[Bar]] = {}
    for line in lines:
        name, _, parameters = line.place.method.partition("[")
        bar = Bar(
            panel=label_of(f"{line.dataset} {line.place.setting}"),
            name=_wrapped(beside.name_at(line.place) or parameters.removesuffix("]") or PLAIN),
            memory=line.memory,
            published=beside.memory.get(line.place),
        )
        methods.setdefault(name, []).append(bar)
    return {name: bars for name, bars in methods.items() if len({bar.name for bar in bars}) > 1}


def draw_breakdown(title: str, bars: Sequence[Bar], notes: Sequence[str] = ()) -> Figure | str:
    """Draw a panel for each setting, its variants from top to bottom, published ones beside them.

    Says why if there is nothing to draw.
    """
    panels: dict[str, list[Bar]] = {}
    for bar in bars:
        panels.setdefault(bar.panel, []).append(bar)
    drawn = [(name, own) for name, own in panels.items() if len(own) > 1 and any(map(_value, own))]
    if not drawn:
        return f"{title}: no two variants have a peak memory."
    rows = min(max(len(own) for _, own in drawn), MOST_BARS)
    height = 0.75 + ROW * rows * (1.6 if _has_published(bars) else 1)
    with drawing():
        every = [*notes, *_legend(bars), *_left_out(drawn), *panels_left_out(len(drawn))]
        count = min(len(drawn), MAX_PANELS)
        figure, grid = framed(title, every, count, height=height, columns=1)
        for axes, (name, own) in zip(grid, drawn, strict=False):
            _draw(axes, own[:MOST_BARS])
            axes.set_title(name)
    return figure


def _legend(bars: Sequence[Bar]) -> list[str]:
    marks = {bar.memory.mark for bar in bars if _value(bar) is not None}
    legend = [words for mark, words in LEGEND.items() if mark in marks]
    if any(bar.memory.mark == "unfit" for bar in bars):
        legend.append("X: needs more memory than the device has.")
    return [*legend, "Open bars: published."] if _has_published(bars) else legend


def _left_out(panels: Sequence[tuple[str, Sequence[Bar]]]) -> list[str]:
    most = max(len(bars) for _, bars in panels)
    return (
        [f"Each panel shows the first {MOST_BARS} of {most} variants."] if most > MOST_BARS else []
    )


def _has_published(bars: Sequence[Bar]) -> bool:
    return any(bar.published is not None for bar in bars)


def _draw(axes: Axes, bars: Sequence[Bar]) -> None:
    thick = 0.36 if _has_published(bars) else 0.62
    for row, bar in enumerate(bars):
        middle = row - thick / 2 if _has_published(bars) else row
        _bar(axes, bar, middle, thick)
        if bar.published is not None:
            axes.barh(row + thick / 2, bar.published, thick, color="none", ec=MUTED, lw=0.8)
            _write(axes, bar.published, row + thick / 2, f"published {bar.published:,.10g}")
    axes.set_yticks(range(len(bars)), [bar.name for bar in bars])
    axes.set(xlabel=METRICS["peak_memory"].axis(), ylim=(len(bars) - 0.4, -0.6))
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.margins(x=0.12)
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))


def _bar(axes: Axes, bar: Bar, middle: float, thick: float) -> None:
    value = _value(bar)
    if value is None:
        _write(axes, 0.0, middle, shown(bar.memory, MEMORY))
        return
    mark = bar.memory.mark
    axes.barh(
        middle, value, thick, color=PAPER if mark else INK, ec=MUTED if mark else INK,
        hatch=HATCHES[mark] or None, lw=0.8,
    )  # fmt: skip
    _write(axes, value, middle, shown(bar.memory, MEMORY))


def _write(axes: Axes, x: float, y: float, words: str) -> None:
    axes.annotate(words, (x, y), (3, 0), textcoords="offset points", va="center", size=7)


def _value(bar: Bar) -> float | None:
    """Return the MiB of a bar; None where there is none, or the device did not hold it."""
    value = bar.memory.value
    return value if isinstance(value, float) and bar.memory.mark != "unfit" else None


def _wrapped(name: str) -> str:
    return "\n".join(wrap(label_of(name.replace(",", ", "), 2 * SHORT), SHORT))
