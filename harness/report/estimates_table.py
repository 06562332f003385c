"""The table of an estimate: memory and time that shapes alone tell."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.captions import estimate_legend, legend
from harness.report.cells import estimated_memory_cell, estimated_time_cell, predicted_cell
from harness.report.remarks import Remarks
from harness.report.table import Cell, Column, Table
from harness.results.estimates import EstimateRow

__all__ = ["estimates_table"]

COLUMNS = (
    Column("method", "method"),
    Column("dataset", "data"),
    Column("setting", "setting"),
    Column("channels", "channels", kind="number", digits=0),
    Column("steps", "steps", kind="number", digits=0),
    Column("memory_mib", "memory", "MiB", "number", digits=1, has_marks=True),
    Column("memory_lowest_mib", "lowest memory", "MiB", "number", digits=1, has_marks=True),
    Column("storage_mib", "storage", "MiB", "number", has_marks=True),
)


def estimates_table(rows: Sequence[EstimateRow], key: str = "estimates") -> Table:
    """Return the table of one estimate, with a column of times for each of its devices."""
    devices = list(dict.fromkeys(device.device for row in rows for device in row.devices))
    remarks = Remarks()
    cells = tuple(_cells(row, devices, remarks) for row in rows)
    times = [
        Column(f"time_{device}_s", f"time on {device}", "s", "number", has_marks=True)
        for device in devices
    ]
    return Table(
        key=key,
        title="Estimates",
        caption=(estimate_legend(), *legend(cells)),
        columns=(*COLUMNS, *times, Column("notes", "notes", kind="notes")),
        rows=cells,
        notes=remarks.notes,
    )


def _cells(row: EstimateRow, devices: Sequence[str], remarks: Remarks) -> tuple[Cell, ...]:
    times = {device.device: estimated_time_cell(device) for device in row.devices}
    return (
        Cell(row.method),
        Cell(row.dataset),
        Cell(row.setting),
        Cell(row.channels),
        Cell(row.search_steps),
        estimated_memory_cell(row),
        predicted_cell(row.lowest_memory_mib),
        predicted_cell(row.storage_mib),
        *(times.get(device, Cell(None)) for device in devices),
        remarks.cell([f"Not estimated: {row.error}"] if row.error else []),
    )
