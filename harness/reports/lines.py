"""Our lines beside published rows: one method on one setting, with all its devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.comparison.published import RowPlace
from harness.metrics import METRICS, MetricSpec
from harness.reports.cells import cell_of, failures, side_by_side
from harness.reports.table import TableCell
from harness.results.costs import EstimateRow
from harness.results.record import Record
from harness.results.rows import Row, rows_of_estimate, told_of

__all__ = ["Line", "lines_of_estimate", "lines_of_rows"]


@dataclass
class Line:
    """One method on one setting: the rows of its devices, side by side.

    Attributes:
        dataset: the data set that was used, which may stand in for the one of `place`.
        origin: versions and data that it was made with; lines of different origin are kept apart.
        devices: the row of each device, by name.
        remarks: sentences about this line.
    """

    place: RowPlace
    dataset: str
    origin: str = ""
    devices: dict[str, Row] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)

    def cell(self, metric: MetricSpec) -> TableCell:
        """Return a metric of the line, on the device that stands for all of them."""
        row = told_of(list(self.devices.values()), metric)
        return TableCell(None) if row is None else cell_of(row, metric)

    @property
    def memory(self) -> TableCell:
        """Peak memory."""
        return self.cell(METRICS["peak_memory"])

    @property
    def accuracy(self) -> TableCell:
        """Accuracy on the first device that has one."""
        return self.cell(METRICS["accuracy"])


def lines_of_rows(rows: Iterable[Row], stand_ins: Mapping[str, str]) -> list[Line]:
    """Put the devices of the same method and setting side by side.

    If a device has two rows, such as an emulated and a measured one, they become two lines, whose
    remarks say which is which.

    Args:
        rows: of records.
        stand_ins: for the label of a data set, the one that it was run in place of.
    """
    known: dict[tuple[RowPlace, str], list[Line]] = {}
    lines: list[Line] = []
    for row in rows:
        place = RowPlace(row.method, stand_ins.get(row.dataset, row.dataset), row.setting)
        alike = known.setdefault((place, row.dataset), [])
        line = _line_for(alike, place, row, _origin(row.records[0]))
        if not line.devices:  # it is a new one
            alike.append(line)
            lines.append(line)
        line.devices[row.device] = row
        told = [*failures(row.records), *side_by_side(row.records)]
        told += [f"{said}." for said in row.left_out]
        line.remarks += [f"{row.device}: {text}" for text in told]
    return lines


def lines_of_estimate(rows: Iterable[EstimateRow], stand_ins: Mapping[str, str]) -> list[Line]:
    """Return a line for each row of an estimate."""
    return [
        Line(
            place=RowPlace(row.method, stand_ins.get(row.dataset, row.dataset), row.setting),
            dataset=row.dataset,
            devices={each.device: each for each in rows_of_estimate(row)},
            remarks=[f"Not estimated: {row.error}"] if row.error else [],
        )
        for row in rows
    ]


def _origin(record: Record) -> str:
    method, dataset = record.method, record.dataset
    queries = "" if dataset.queries is None else f", {dataset.queries} queries a class"
    conditions = f", {record.conditions}" if record.conditions else ""
    data = f"data {dataset.fingerprint[:8]}"
    return f"{method.distribution} {method.version}, {data}{queries}{conditions}"


def _line_for(alike: Sequence[Line], place: RowPlace, row: Row, origin: str) -> Line:
    """Find a line of this place and origin that lacks the device, or begin a new one."""
    for line in alike:
        if line.origin == origin and row.device not in line.devices:
            return line
    line = Line(place, row.dataset, origin)
    if alike:
        line.remarks.append(f"Other trials than above: {origin}; {row.device} {row.mode}.")
    return line
