"""A suite's published table, row by row, with our numbers and the differences beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from harness.comparison.published import PublishedSuite, RowPlace
from harness.experiment.published import DAY_S, Published, PublishedRow
from harness.metrics import METRICS, MetricSpec
from harness.reports.cells import cell_of, column_of, legend
from harness.reports.lines import Line
from harness.reports.table import Column, Remarks, Table, TableCell
from harness.results.rows import Row

__all__ = ["Frame", "published_table"]


@dataclass(frozen=True)
class Frame:
    """The title, caption and remarks of a table.

    Attributes:
        key: its name for programs.
        title: its title.
        caption: sentences about our numbers.
        reasons: remarks on every line of ours, such as that the budget is scaled.
    """

    key: str
    title: str
    caption: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Compared:
    """A published row and a line of ours; one of them may be missing."""

    place: RowPlace
    row: PublishedRow | None
    line: Line | None


def published_table(suite: PublishedSuite, lines: Sequence[Line], frame: Frame) -> Table:
    """Return the published table with our lines; lines that it lacks come below its rows."""
    remarks = Remarks()
    pairs = _paired(suite, lines)
    published = suite.published
    rows = tuple(_cells(published, pair, frame.reasons, remarks) for pair in pairs)
    return Table(
        key=frame.key,
        title=frame.title,
        caption=(
            *suite.statements,
            *frame.caption,
            *_agreements(published, pairs),
            _how_to_read(published),
            *legend(rows),
        ),
        columns=_columns(published),
        rows=rows,
        notes=remarks.notes,
    )


def _how_to_read(published: Published) -> str:
    sentences = []
    if published.memory:
        sentences.append(
            "Memory: the largest of the devices that held it; a published MB is a MiB."
        )
    if published.accuracy:
        sentences.append(
            "Accuracy: mean ± standard deviation over seeds, on the first device that held it; its "
            "Δ is in points."
        )
    return " ".join([*sentences, "Δ: ours minus the published number, in percent of the latter."])


def _paired(suite: PublishedSuite, lines: Sequence[Line]) -> list[_Compared]:
    """Pair our lines with the published rows, in their order; unpaired lines come last."""
    by_place: dict[RowPlace, list[Line]] = {}
    for line in lines:
        by_place.setdefault(line.place, []).append(line)
    pairs = []
    for place, row in suite.rows:
        ours: Sequence[Line | None] = by_place.pop(place, [None])
        pairs += [_Compared(place, row, line) for line in ours]
    rest = [line for others in by_place.values() for line in others]
    return [*pairs, *(_Compared(line.place, None, line) for line in rest)]


def _cells(
    published: Published, pair: _Compared, reasons: Sequence[str], remarks: Remarks
) -> tuple[TableCell, ...]:
    place, row = pair.place, pair.row
    told = _remarks_on(pair.line, published, reasons)
    if row is None:
        told.append("The published table has no such row.")
    else:
        told += [note.text for note in published.notes if note.is_about(row)]
    return (
        TableCell(place.method),
        TableCell(place.dataset),
        TableCell(place.setting),
        *_cells_beside(published, row, pair.line),
        remarks.cell(told),
    )


def _remarks_on(line: Line | None, published: Published, reasons: Sequence[str]) -> list[str]:
    if line is None:
        return ["No trial of it is here."]
    told = [*line.remarks, *reasons]
    if line.dataset != line.place.dataset:
        told.append(f"{line.dataset} stands in for {line.place.dataset}.")
    if published.times and not set(line.devices) & set(published.times):
        told.append(f"Run on {' and '.join(line.devices)}, of which nothing was published.")
    unreal = [name for name, row in line.devices.items() if _is_unreal(row)]
    if unreal:
        told.append(f"Not measured on {' and '.join(unreal)}: emulated or predicted.")
    return told


def _is_unreal(row: Row) -> bool:
    marks = {cell_of(row, metric).mark for metric in METRICS.values() if metric.is_always_shown}
    return bool(marks & {"emulated", "predicted"})


def _agreements(published: Published, pairs: Sequence[_Compared]) -> list[str]:
    """Say for each device with a limit in how many rows it fits or not, as was published."""
    sentences = []
    for device in published.unfit:
        agree = [each for pair in pairs if (each := _agrees(published, pair, device)) is not None]
        if agree:
            sentences.append(
                f"What fits on {device} is as published in {sum(agree)} of {len(agree)} rows."
            )
    return sentences


def _agrees(published: Published, pair: _Compared, device: str) -> bool | None:
    """Tell whether ours and the published row agree on fitting; None if one is not known."""
    ours = pair.line.devices.get(device) if pair.line else None
    if pair.row is None or not pair.row.is_tabled or ours is None:
        return None
    was_unfit = published.is_unfit(pair.row, device)
    if ours.fits is False:
        return was_unfit
    return None if ours.fits is None or "peak_memory" not in ours.values else not was_unfit


def _columns(published: Published) -> tuple[Column, ...]:
    """Return the columns: the row's names, then ours, published and difference for each number."""
    columns = [
        Column("method", "method"),
        Column("dataset", "data"),
        Column("setting", "setting"),
    ]
    for metric in _published_metrics(published):
        columns += _beside(column_of(metric), "points" if metric.shows_spread else "%")
    unit = published.time_unit
    time = column_of(METRICS["search_time"])
    for device in published.times:
        name = f"{time.name} on {device}"
        columns += _beside(replace(time, key=f"time_{device}_{unit}", name=name, unit=unit))
    return (*columns, Column("notes", "notes", kind="notes"))


def _published_metrics(published: Published) -> list[MetricSpec]:
    """Return the metrics that have a column, but for times, which have one for each device."""
    return [metric for name, metric in METRICS.items() if name in published.columns]


def _cells_beside(
    published: Published, row: PublishedRow | None, line: Line | None
) -> list[TableCell]:
    """Return the cells of the numbers, in the order of the columns.

    Args:
        published: what was published.
        row: the published row; None for a line of ours that the publication lacks.
        line: ours; None where nothing was run.
    """
    cells: list[TableCell] = []
    for metric in _published_metrics(published):
        theirs = TableCell(*published.numbers_of(row, metric.name)) if row else TableCell(None)
        ours = line.cell(metric) if line else TableCell(None)
        cells += _three(ours, theirs, in_points=metric.shows_spread)
    for device in published.times:
        on_device = line.devices.get(device) if line else None
        time = cell_of(on_device, METRICS["search_time"]) if on_device else TableCell(None)
        ours = _in_unit(time, published.time_unit)
        cells += _three(ours, _published_time(published, row, device))
    return cells


def _beside(ours: Column, unit_of_difference: str = "%") -> list[Column]:
    """Add to a column of ours that of the published numbers, and that of the differences."""
    key, name = ours.key, ours.name
    published = replace(ours, key=f"{key}_published", name=f"{name} published")
    return [
        ours,
        published if ours.has_spread else replace(published, digits=None),
        Column(
            key=f"{key}_difference",
            name=f"{name} Δ",
            unit=unit_of_difference,
            kind="difference",
            digits=2 if ours.has_spread else 1,
            has_marks=True,
        ),
    ]


def _three(ours: TableCell, theirs: TableCell, *, in_points: bool = False) -> list[TableCell]:
    return [ours, theirs, _difference(ours, theirs, in_points=in_points)]


def _difference(ours: TableCell, theirs: TableCell, *, in_points: bool) -> TableCell:
    """Return ours - theirs, in percent of theirs or in points, with the mark of ours."""
    if not isinstance(ours.value, float | int) or not isinstance(theirs.value, float | int):
        both = ours.mark == theirs.mark == "unfit"
        return TableCell(None, note="neither fits" if both else "")
    difference = ours.value - theirs.value
    if in_points:
        return TableCell(difference, mark=ours.mark)
    return TableCell(difference / theirs.value * 100.0 if theirs.value else None, mark=ours.mark)


def _in_unit(time: TableCell, unit: str) -> TableCell:
    """Convert seconds to the unit of the publication."""
    if unit == "days" and isinstance(time.value, float | int):
        return replace(time, value=time.value / DAY_S)
    return time


def _published_time(published: Published, row: PublishedRow | None, device: str) -> TableCell:
    """Return a time as it was published, in the unit that it was published in."""
    if row is None:
        return TableCell(None)
    if published.is_unfit(row, device):
        return TableCell(None, mark="unfit", note="printed as X: did not fit the device's memory")
    return TableCell(row.number(published.times[device]))
