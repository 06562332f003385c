"""Tables as exact data, and the only place that rounds numbers, for every format."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from string import ascii_lowercase
from typing import Literal

__all__ = [
    "MINUS",
    "MISSING",
    "SYMBOLS",
    "Column",
    "Mark",
    "Note",
    "Remarks",
    "Table",
    "TableCell",
    "shown",
    "shown_number",
]

# What a value is, where it is not simply measured: `unfit` stands for the value itself.
Mark = Literal["", "emulated", "predicted", "tabular", "unfit"]

# Before the number, except `emulated`, which stands behind it; as `harness run` prints them.
SYMBOLS: dict[Mark, str] = {"emulated": "*", "predicted": "~", "tabular": "†", "unfit": "X"}
MISSING = "–"
MINUS = "−"
PLUS_MINUS = "±"


@dataclass(frozen=True)
class Column:
    """One column.

    Attributes:
        key: its name for programs, unique in the table, its unit at the end: `memory_mib`.
        name: its heading for people, without the unit: `memory`.
        unit: of its numbers: `MiB`, `%`, `s`, `points`; empty for text.
        kind: `difference` is a number that always shows its sign; `words` are numbers as text, such
            as `1.2 to 3.4`; `prose` is sentences, which a narrow terminal breaks; `notes` has the
            signs of remarks below the table, and the remarks themselves as the cells' notes.
        digits: decimals that are shown; None: a number is shown as it was published.
        figures: significant figures of a number that is too small for these decimals.
        has_spread: whether cells may have a standard deviation.
        has_marks: whether cells may have marks.
    """

    key: str
    name: str
    unit: str = ""
    kind: Literal["text", "prose", "number", "difference", "words", "notes"] = "text"
    digits: int | None = 2
    figures: int = 0
    has_spread: bool = False
    has_marks: bool = False

    @property
    def is_flush_right(self) -> bool:
        """Whether its cells are numbers, which are aligned right."""
        return self.kind in ("number", "difference", "words")

    @property
    def heading(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


@dataclass(frozen=True)
class TableCell:
    """One exact value; None if there is none.

    Attributes:
        spread: the standard deviation over seeds.
        mark: the source of the value, if it is not measured.
        note: a remark on this cell.
    """

    value: float | str | None
    spread: float | None = None
    mark: Mark = ""
    note: str = ""

    @property
    def sort_key(self) -> float | str:
        """The key to sort by: numbers first, then what did not fit, then what is missing."""
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
        caption: sentences about the whole table: what its marks mean, what was scaled, what failed
            trials count as, and gaps of its source.
        rows: as many cells as there are columns.
    """

    key: str
    title: str
    caption: tuple[str, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[TableCell, ...], ...]
    notes: tuple[Note, ...] = ()


class Remarks:
    """Collects the remarks of a table's rows, in the order in which they first appear."""

    def __init__(self) -> None:
        """Start without any."""
        self._signs: dict[str, str] = {}

    def cell(self, texts: Iterable[str]) -> TableCell:
        """Return the cell of a row that has these remarks."""
        told = list(dict.fromkeys(texts))
        for text in told:
            self._signs.setdefault(text, _letters(len(self._signs)))
        return TableCell(", ".join(self._signs[text] for text in told), note=" ".join(told))

    @property
    def notes(self) -> tuple[Note, ...]:
        """The remarks to write below the table."""
        return tuple(Note(sign, text) for text, sign in self._signs.items())


def shown(cell: TableCell, column: Column) -> str:
    """Return a cell's text: `~495.1`, `63.33 ± 0.11*`, `X`, or a dash."""
    if isinstance(cell.value, str):
        return cell.value
    if cell.mark == "unfit":
        return SYMBOLS["unfit"]
    if cell.value is None:
        return MISSING if column.kind in ("number", "difference") else ""
    text = shown_number(cell.value, column)
    if cell.spread is not None:
        text = f"{text} {PLUS_MINUS} {shown_number(cell.spread, column)}"
    if cell.mark == "predicted":
        return SYMBOLS["predicted"] + text
    return text + SYMBOLS.get(cell.mark, "")


def shown_number(value: float, column: Column) -> str:
    """Round a number to its column's digits."""
    sign = "+" if column.kind == "difference" else ""
    if column.digits is None:
        return f"{value:{sign},.10g}".replace("-", MINUS)
    if column.figures and 0 < abs(value) < 10 ** (column.figures - 1 - column.digits):
        return f"{value:{sign}.{column.figures}g}".replace("-", MINUS)
    value = round(value, column.digits) + 0.0  # no minus before a zero
    return f"{value:{sign},.{column.digits}f}".replace("-", MINUS)


def _letters(number: int) -> str:
    """Count a, b, ..., z, aa, ab, ..."""
    letters = ""
    number += 1
    while number:
        number, place = divmod(number - 1, len(ascii_lowercase))
        letters = ascii_lowercase[place] + letters
    return letters
