"""A table as data: what every format renders, with nothing rounded yet."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import Literal

__all__ = ["MISSING", "SYMBOLS", "Cell", "Column", "Mark", "Note", "Table"]

# What a value is, where it is not simply measured: `unfit` stands for the value itself.
Mark = Literal["", "emulated", "predicted", "unfit"]

# Before the number, except `emulated`, which stands behind it; as `harness run` prints them.
SYMBOLS: dict[Mark, str] = {"emulated": "*", "predicted": "~", "unfit": "X"}
MISSING = "–"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: its name for programs, unique in the table, its unit at the end: `memory_mib`.
        name: its heading for people, without the unit: `memory`.
        unit: of its numbers: `MiB`, `%`, `s`, `points`; empty for text.
        kind: `difference` is a number that always shows its sign; `notes` has the signs of remarks
            below the table, and the remarks themselves as the cells' notes.
        digits: decimals that are shown; None shows a number as it was published.
        has_spread: whether cells may have a standard deviation.
        has_marks: whether cells may have marks.
    """

    key: str
    name: str
    unit: str = ""
    kind: Literal["text", "number", "difference", "notes"] = "text"
    digits: int | None = 2
    has_spread: bool = False
    has_marks: bool = False

    @property
    def heading(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class Cell:
    """One value, exact; None where there is none.

    Attributes:
        spread: the standard deviation over seeds.
        mark: what the value is, if it is not measured.
        note: in words, what a person should know of this cell.
    """

    value: float | str | None
    spread: float | None = None
    mark: Mark = ""
    note: str = ""

    @property
    def sort_key(self) -> float | str:
        """What to sort by: what did not fit, and what is missing, is behind all numbers."""
        if isinstance(self.value, str):
            return self.value.casefold()
        return inf if self.value is None else self.value


@dataclass(frozen=True)
class Note:
    """A remark below a table, to which cells of its column `notes` refer by `sign`."""

    sign: str  # a, b, c, ...
    text: str


@dataclass(frozen=True)
class Table:
    """A table with its title, the sentences of its caption, and its remarks.

    Attributes:
        key: its name for programs, unique in a report: `trials`, `table2`.
        caption: sentences that hold for the whole table: what its marks mean, what was scaled,
            what a failed trial counts as, and what its source is known to lack.
        rows: as many cells as there are columns.
    """

    key: str
    title: str
    caption: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    notes: tuple[Note, ...] = ()
