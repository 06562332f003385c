"""Columns and cells that set a number of ours beside a published one."""

from __future__ import annotations

from dataclasses import replace

from harness.experiment.published import Published, PublishedRow
from harness.report.lines import Line
from harness.report.table import Cell, Column

__all__ = ["cells_beside", "published_columns"]

DAY_S = 86_400.0

_PERCENT = 100.0


def published_columns(published: Published) -> tuple[Column, ...]:
    """Return the columns: what a row is, then ours, published and difference of each number."""
    columns = [
        Column("method", "method"),
        Column("dataset", "data"),
        Column("setting", "setting"),
    ]
    if published.memory:
        columns += _beside(_number("memory_mib", "memory", "MiB", digits=1))
    if published.storage:
        columns += _beside(_number("storage_mib", "storage", "MiB"))
    if published.accuracy:
        accuracy = _number("accuracy_percent", "accuracy", "%")
        columns += _beside(replace(accuracy, has_spread=True), "points")
    unit = published.time_unit
    for device in published.times:
        columns += _beside(_number(f"time_{device}_{unit}", f"time on {device}", unit))
    return (*columns, Column("notes", "notes", kind="notes"))


def cells_beside(published: Published, row: PublishedRow | None, line: Line | None) -> list[Cell]:
    """Return the cells of the numbers, in the order of the columns.

    Args:
        published: what was published.
        row: the published row; None for a line of ours that the publication lacks.
        line: ours; None where nothing was run.
    """
    cells: list[Cell] = []
    if published.memory:
        theirs = Cell(published.memory_of(row) if row else None)
        cells += _three(line.memory if line else Cell(None), theirs)
    if published.storage:
        theirs = Cell(published.storage_of(row) if row else None)
        cells += _three(line.storage if line else Cell(None), theirs)
    if published.accuracy:
        theirs = Cell(*published.accuracy_of(row)) if row else Cell(None)
        cells += _three(line.accuracy if line else Cell(None), theirs, in_points=True)
    for device in published.times:
        on_device = line.devices.get(device) if line else None
        ours = _in_unit(on_device.time, published.time_unit) if on_device else Cell(None)
        cells += _three(ours, _published_time(published, row, device))
    return cells


def _number(key: str, name: str, unit: str, digits: int = 2) -> Column:
    return Column(key, name, unit, "number", digits, has_marks=True)


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


def _three(ours: Cell, theirs: Cell, *, in_points: bool = False) -> list[Cell]:
    return [ours, theirs, _difference(ours, theirs, in_points=in_points)]


def _difference(ours: Cell, theirs: Cell, *, in_points: bool) -> Cell:
    """Return ours less theirs, in percent of theirs or in points; it is as real as ours is."""
    if not isinstance(ours.value, float | int) or not isinstance(theirs.value, float | int):
        both = ours.mark == theirs.mark == "unfit"
        return Cell(None, note="neither fits" if both else "")
    difference = ours.value - theirs.value
    if in_points:
        return Cell(difference, mark=ours.mark)
    return Cell(difference / theirs.value * _PERCENT if theirs.value else None, mark=ours.mark)


def _in_unit(time: Cell, unit: str) -> Cell:
    """Bring seconds to the unit of the publication."""
    if unit == "days" and isinstance(time.value, float | int):
        return replace(time, value=time.value / DAY_S)
    return time


def _published_time(published: Published, row: PublishedRow | None, device: str) -> Cell:
    """Return a time as it was published, in the unit that it was published in."""
    if row is None:
        return Cell(None)
    if published.is_unfit(row, device):
        return Cell(None, mark="unfit", note="printed as X: did not fit the device's memory")
    return Cell(row.number(published.times[device]))
