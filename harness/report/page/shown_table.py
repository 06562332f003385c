"""A table as the page shows it: text for eyes and for screen readers, keys to sort and filter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isinf

from harness.report.rounding import shown
from harness.report.table import SYMBOLS, Cell, Column, Mark, Note, Table

__all__ = ["ShownCell", "ShownRow", "ShownTable", "shown_table"]

# What rows can be filtered by, for each column that tells it.
FILTERS = {
    "method": "method",
    "dataset": "dataset",
    "device": "device",
    "status": "status",
    "ended": "status",  # of several seeds: `1 of 3 error`
}
SPOKEN: dict[Mark, str] = {
    "": "",
    "emulated": "emulated",
    "predicted": "predicted",
    "unfit": "does not fit the device",
}


@dataclass(frozen=True)
class ShownCell:
    """One cell.

    Attributes:
        text: as it is read, with the mark that stands before it.
        mark: the mark that stands behind it.
        spoken: the mark in words.
        note: a remark on the cell.
        sort: what to sort by, in full precision; empty where it comes last.
    """

    text: str
    mark: str
    is_number: bool
    spoken: str
    note: str
    sort: str


@dataclass(frozen=True)
class ShownRow:
    """One row, with its values of the columns that can be filtered by."""

    cells: Sequence[ShownCell]
    filters: Mapping[str, str]


@dataclass(frozen=True)
class ShownTable:
    """A table; `opens` says whether each row opens the details of the trial with its number."""

    key: str
    title: str
    caption: Sequence[str]
    columns: Sequence[Column]
    rows: Sequence[ShownRow]
    notes: Sequence[Note]
    opens: bool


def shown_table(table: Table, *, opens: bool = False) -> ShownTable:
    """Return a table with every cell as it is read."""
    return ShownTable(
        key=table.key,
        title=table.title,
        caption=table.caption,
        columns=table.columns,
        rows=[_row(row, table.columns) for row in table.rows],
        notes=table.notes,
        opens=opens,
    )


def _row(row: Sequence[Cell], columns: Sequence[Column]) -> ShownRow:
    cells = [_cell(*pair) for pair in zip(row, columns, strict=True)]
    keys = [column.key for column in columns]
    texts = {key: cell.text for key, cell in zip(keys, cells, strict=True)}
    return ShownRow(cells, {FILTERS[key]: text for key, text in texts.items() if key in FILTERS})


def _cell(cell: Cell, column: Column) -> ShownCell:
    key = cell.sort_key
    is_last = isinstance(key, float) and isinf(key)
    behind = SYMBOLS["emulated"] if cell.mark == "emulated" and cell.value is not None else ""
    return ShownCell(
        text=shown(cell, column).removesuffix(behind),
        mark=behind,
        is_number=column.kind in ("number", "difference"),
        spoken=SPOKEN[cell.mark] if cell.value is not None or cell.mark == "unfit" else "",
        note=cell.note,
        sort="" if is_last else str(key),
    )
