"""Variants of one method: how they differ, and their metrics over the number that differs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.fields import spelled
from harness.metrics import METRICS
from harness.reports.pictures.lines import LinePanel, PlotLine, draw_line_panels
from harness.reports.pictures.notes import label_of, setting_of, source_notes
from harness.reports.pictures.style import drawing
from harness.results.record import Record

__all__ = ["Family", "draw_sweep", "families"]

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
        """Say what a record's variant is: the values of the parameters that differ."""
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
        _panel(device, metric.axis(), lines, key)
        for device, records in _by(family.records, _device).items()
        for metric in UPWARD
        if (lines := _lines(records, key, metric.name))
    ]
    if not panels:
        return f"{family.method}: no trial has an accuracy or a peak memory."
    title = f"{label_of(family.method)}: accuracy and memory over {label_of(key)}"
    legend = source_notes(record.device.mode for record in family.records)
    bands = "Lines: means over seeds; bands: the least and the most of them."
    with drawing():
        return draw_line_panels(title, [*notes, bands, *legend], panels)


def _panel(device: str, words: str, lines: Sequence[PlotLine], key: str) -> LinePanel:
    whole = all(float(x).is_integer() for line in lines for x in line.x)
    ticks = MaxNLocator(integer=whole)

    def dress(axes: Axes) -> None:
        axes.xaxis.set_major_locator(ticks)

    return LinePanel(device, label_of(key), words, lines, len(lines), dress)


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
