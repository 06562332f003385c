"""Tables as data frames, as they are read or exact for programs; and as CSV."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from harness.report.table import Cell, Column, Table, shown

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["exact_frame", "shown_frame", "to_csv"]


def shown_frame(
    table: Table, escape_text: Callable[[str], str], escape_number: Callable[[str], str]
) -> DataFrame:
    """Return a table as it is read: headings with units, cells rounded and marked, all escaped."""
    from pandas import DataFrame  # noqa: PLC0415 - slow, and only a report needs it

    rows = [
        [
            (escape_text if isinstance(cell.value, str) else escape_number)(shown(cell, column))
            for cell, column in zip(row, table.columns, strict=True)
        ]
        for row in table.rows
    ]
    headings = [escape_text(column.heading) for column in table.columns]
    return DataFrame(rows, columns=headings, dtype=str)


def exact_frame(tables: Sequence[Table]) -> DataFrame:
    """Return the rows of all tables, with unrounded numbers; `table` says which one a row is of.

    Beside a column KEY there is KEY_std where cells have a standard deviation, and KEY_source where
    they can be something other than measured: `measured`, `emulated`, `predicted`, `published`, or
    `unfit` in the place of a number that there is none of, since a device did not hold it.
    """
    from pandas import DataFrame  # noqa: PLC0415 - slow, and only a report needs it

    rows = [
        {"table": table.key, **dict(_exact_row(table, row))}
        for table in tables
        for row in table.rows
    ]
    keys = dict.fromkeys(
        ["table", *(key for table in tables for column in table.columns for key in _keys(column))]
    )
    return DataFrame(rows, columns=list(keys), dtype=object)


def to_csv(tables: Sequence[Table]) -> str:
    """Return CSV with one header line; a cell is empty where a value is missing."""
    return exact_frame(tables).to_csv(index=False, lineterminator="\n")


def _keys(column: Column) -> list[str]:
    spread = [f"{column.key}_std"] if column.has_spread else []
    source = [f"{column.key}_source"] if column.has_marks else []
    return [column.key, *spread, *source]


def _exact_row(table: Table, row: Sequence[Cell]) -> Iterator[tuple[str, float | str | None]]:
    for cell, column in zip(row, table.columns, strict=True):
        values = [cell.note if column.kind == "notes" else cell.value]
        values += [cell.spread] if column.has_spread else []
        values += [_source(cell, column)] if column.has_marks else []
        yield from zip(_keys(column), values, strict=True)


def _source(cell: Cell, column: Column) -> str | None:
    if cell.mark or cell.value is None:
        return cell.mark or None
    return "published" if column.key.endswith("_published") else "measured"
