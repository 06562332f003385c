"""A suite's published table again: its rows in its order, ours beside them, and the difference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.experiment.published import Published, PublishedRow
from harness.report.captions import legend
from harness.report.lines import Line, OnDevice
from harness.report.published_cells import cells_beside, published_columns
from harness.report.remarks import Remarks
from harness.report.suites import Place, PublishedSuite
from harness.report.table import Cell, Table

__all__ = ["Frame", "published_table"]


@dataclass(frozen=True)
class Frame:
    """What is said around a table.

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
class _Pair:
    """A published row and a line of ours; one of them may be missing."""

    place: Place
    row: PublishedRow | None
    line: Line | None


def published_table(suite: PublishedSuite, lines: Sequence[Line], frame: Frame) -> Table:
    """Return the published table with our lines in it; what it lacks comes below its rows."""
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
        columns=published_columns(published),
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
    return " ".join([*sentences, "Δ: ours less the published number, in percent of it."])


def _paired(suite: PublishedSuite, lines: Sequence[Line]) -> list[_Pair]:
    """Put our lines beside the published rows, in their order; then what these lack."""
    by_place: dict[Place, list[Line]] = {}
    for line in lines:
        by_place.setdefault(line.place, []).append(line)
    pairs = []
    for place, row in suite.rows:
        ours: Sequence[Line | None] = by_place.pop(place, [None])
        pairs += [_Pair(place, row, line) for line in ours]
    rest = [line for others in by_place.values() for line in others]
    return [*pairs, *(_Pair(line.place, None, line) for line in rest)]


def _cells(
    published: Published, pair: _Pair, reasons: Sequence[str], remarks: Remarks
) -> tuple[Cell, ...]:
    place, row = pair.place, pair.row
    told = _remarks_on(pair.line, published, reasons)
    if row is None:
        told.append("The published table has no such row.")
    else:
        told += [note.text for note in published.notes if note.is_about(row)]
    return (
        Cell(place.method),
        Cell(place.dataset),
        Cell(place.setting),
        *cells_beside(published, row, pair.line),
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
    unreal = [name for name, cells in line.devices.items() if _is_unreal(cells)]
    if unreal:
        told.append(f"Not measured on {' and '.join(unreal)}: emulated or predicted.")
    return told


def _is_unreal(cells: OnDevice) -> bool:
    every = (cells.memory, cells.storage, cells.accuracy, cells.time)
    return any(cell.mark in ("emulated", "predicted") for cell in every)


def _agreements(published: Published, pairs: Sequence[_Pair]) -> list[str]:
    """Say for each device that has a limit in how many rows it held what it was published to."""
    sentences = []
    for device in published.unfit:
        agree = [each for pair in pairs if (each := _agrees(published, pair, device)) is not None]
        if agree:
            sentences.append(
                f"What fits on {device} is as published in {sum(agree)} of {len(agree)} rows."
            )
    return sentences


def _agrees(published: Published, pair: _Pair, device: str) -> bool | None:
    """Say whether a device held what it was published to; None where one of both is not known."""
    ours = pair.line.devices.get(device) if pair.line else None
    if pair.row is None or not pair.row.is_tabled or ours is None:
        return None
    was_unfit = published.is_unfit(pair.row, device)
    if ours.time.mark == "unfit":
        return was_unfit
    return None if ours.memory.value is None else not was_unfit
