"""Accuracy and peak memory over a parameter of a method, such as the operations that it updates."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.report.pictures.lines import Line, LinePanel, draw_line_panels
from harness.report.pictures.notes import source_notes
from harness.report.pictures.points import label_of, setting_of
from harness.report.pictures.style import drawing
from harness.report.pictures.variants import Family
from harness.results.record import Record

__all__ = ["draw_sweep"]

UPWARD = (("accuracy", "accuracy (%)"), ("peak_memory", "peak memory (MiB)"))


def draw_sweep(family: Family, notes: Sequence[str] = ()) -> Figure | str:
    """Draw for each device accuracy and memory over the parameter; a line for each setting.

    Says why if there is nothing to draw.
    """
    key = family.parameter
    if key is None:
        return f"{family.method}: its variants do not differ in one number alone."
    panels = [
        _panel(device, words, lines, key)
        for device, records in _by(family.records, _device).items()
        for what, words in UPWARD
        if (lines := _lines(records, key, what))
    ]
    if not panels:
        return f"{family.method}: no trial has an accuracy or a peak memory."
    title = f"{label_of(family.method)}: accuracy and memory over {label_of(key)}"
    legend = source_notes(record.device.mode for record in family.records)
    bands = "Lines: means over seeds; bands: the least and the most of them."
    with drawing():
        return draw_line_panels(title, [*notes, bands, *legend], panels)


def _panel(device: str, words: str, lines: Sequence[Line], key: str) -> LinePanel:
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


def _lines(records: Sequence[Record], key: str, what: str) -> list[Line]:
    lines = [_line(name, own, key, what) for name, own in _by(records, setting_of).items()]
    return [line for line in lines if line.x]


def _line(name: str, records: Sequence[Record], key: str, what: str) -> Line:
    """Join the seeds at each value of the parameter; what was not captured is left out."""
    found: dict[float, list[float]] = {}
    for record in records:
        metric = record.metrics.get(what)
        if record.status == "ok" and metric is not None and metric.value is not None:
            found.setdefault(float(record.method.params[key]), []).append(metric.value)
    places = sorted(found)
    return Line(
        name=name,
        x=places,
        y=[fmean(found[x]) for x in places],
        low=[min(found[x]) for x in places],
        high=[max(found[x]) for x in places],
        hollow=any(record.device.mode != "measured" for record in records),
    )
