"""Lines of ours that stand beside published rows: one method and setting, on all its devices."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.report.cells import (
    accuracy_cell,
    estimated_memory_cell,
    estimated_time_cell,
    memory_cell,
    predicted_cell,
    storage_cell,
    time_cell,
)
from harness.report.remarks import failures, side_by_side
from harness.report.suites import Place
from harness.report.table import Cell
from harness.results.estimates import EstimateRow
from harness.results.record import Record
from harness.results.summary import Missing, Row, group_records, row_of

__all__ = ["Line", "OnDevice", "lines_of_estimate", "lines_of_runs"]


@dataclass(frozen=True)
class OnDevice:
    """What one device made of it; time in seconds."""

    memory: Cell
    storage: Cell
    accuracy: Cell
    time: Cell


@dataclass
class Line:
    """One method on one setting.

    Attributes:
        dataset: the data set that was used, which may stand in for the one of `place`.
        origin: what made it: versions and data; lines of different origin are kept apart.
        devices: by name.
        remarks: sentences about this line.
        keys: of the trials that it is made of.
    """

    place: Place
    dataset: str
    origin: str = ""
    devices: dict[str, OnDevice] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)

    @property
    def memory(self) -> Cell:
        """The largest memory of the devices that held it; a cell without value if none did."""
        cells = [each.memory for each in self.devices.values()]
        held = [cell for cell in cells if isinstance(cell.value, float)]
        return max(held, key=lambda cell: cell.sort_key) if held else _first(cells)

    @property
    def storage(self) -> Cell:
        """What has to be stored, which is the same on every device."""
        return _first([each.storage for each in self.devices.values()])

    @property
    def accuracy(self) -> Cell:
        """The accuracy on the first device that has one."""
        return _first([each.accuracy for each in self.devices.values()])


def lines_of_runs(
    records: Iterable[Record], missing: Missing, stand_ins: Mapping[str, str]
) -> list[Line]:
    """Put the devices of the same method and setting side by side.

    What is on one device twice, such as emulated and measured, makes two lines, which say what
    they are.
    """
    known: dict[tuple[Place, str], list[Line]] = {}
    lines: list[Line] = []
    for group in group_records(records):
        row = row_of(group, missing)
        place = Place(row.method, stand_ins.get(row.dataset, row.dataset), row.setting)
        alike = known.setdefault((place, row.dataset), [])
        line = _line_for(alike, place, row, _origin(group[0]))
        if not line.devices:  # it is a new one
            alike.append(line)
            lines.append(line)
        line.devices[row.device] = OnDevice(
            memory_cell(group, row),
            storage_cell(group, row),
            accuracy_cell(group, row),
            time_cell(group, row),
        )
        line.remarks += [
            f"{row.device}: {text}" for text in [*failures(group), *side_by_side(group)]
        ]
        line.keys |= {record.trial_key for record in group}
    return lines


def lines_of_estimate(rows: Iterable[EstimateRow], stand_ins: Mapping[str, str]) -> list[Line]:
    """Return a line for each row of an estimate."""
    return [
        Line(
            place=Place(row.method, stand_ins.get(row.dataset, row.dataset), row.setting),
            dataset=row.dataset,
            devices={
                device.device: OnDevice(
                    estimated_memory_cell(row),
                    predicted_cell(row.storage_mib),
                    Cell(None),
                    estimated_time_cell(device),
                )
                for device in row.devices
            },
            remarks=[f"Not estimated: {row.error}"] if row.error else [],
        )
        for row in rows
    ]


def _origin(record: Record) -> str:
    method, dataset = record.method, record.dataset
    queries = "" if dataset.queries is None else f", {dataset.queries} queries a class"
    return f"{method.distribution} {method.version}, data {dataset.fingerprint[:8]}{queries}"


def _line_for(alike: Sequence[Line], place: Place, row: Row, origin: str) -> Line:
    """Find among lines of the same place one of this origin without the device, or begin one."""
    for line in alike:
        if line.origin == origin and row.device not in line.devices:
            return line
    line = Line(place, row.dataset, origin)
    if alike:
        line.remarks.append(f"Other trials than above: {origin}; {row.device} {row.mode}.")
    return line


def _first(cells: Sequence[Cell]) -> Cell:
    """Return the first cell that has a value, else the first."""
    return next((cell for cell in cells if cell.value is not None), (*cells, Cell(None))[0])
