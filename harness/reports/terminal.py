"""Prints tables on a terminal of any width, without cutting a name or a number.

If a table is too wide, three things are tried in turn: columns with one value in all rows move into
a line above the table; data set and setting move into a line above each group of rows; and rows are
stacked. Nothing is left out, and a pipe, which has no width, gets every column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING
from unicodedata import combining, east_asian_width

from harness.reports.table import MISSING, Column, Table, shown
from harness.results.reading import one_line

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["lines_of", "print_tables"]

GAP = "  "
LEAST_PROSE = 24  # characters: a narrower column of sentences is not read
INDENT = "  "
GROUPED = ("dataset", "setting")  # keys of the columns by which rows are grouped


@dataclass(frozen=True)
class Grid:
    """A table as text: its columns, and the text of each cell."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]

    def without(self, places: Iterable[int]) -> Grid:
        """Return it without some of its columns."""
        left_out = set(places)
        kept = [n for n in range(len(self.columns)) if n not in left_out]
        rows = tuple(tuple(row[n] for n in kept) for row in self.rows)
        return Grid(tuple(self.columns[n] for n in kept), rows)


def print_tables(tables: Iterable[Table], console: Console) -> None:
    """Print tables one after another, each with its remarks and caption.

    Text from records is printed literally and on one line.
    """
    from rich.text import Text  # noqa: PLC0415 - slow, and only a terminal needs it

    width = console.width if console.is_terminal else None
    for table in tables:
        for line, style in lines_of(table, width):
            # A terminal that is narrower than a name breaks it; nothing is left out.
            console.print(Text(line, style=style), soft_wrap=True)


def lines_of(table: Table, width: int | None = None) -> Iterator[tuple[str, str]]:
    """Return the lines of a table with their styles; a `width` of None is unlimited.

    No line is wider than the width, except for a single word or number that is.
    """
    if table.title:
        yield from _styled(_wrapped(one_line(table.title), width), "bold")
    if table.columns:
        yield from _body(_grid(table), width)
        yield "", ""
    for sentence in [*(f"{note.sign}: {note.text}" for note in table.notes), *table.caption]:
        yield from _styled(_wrapped(one_line(sentence, limit=1000), width), "")


def _styled(lines: Iterable[str], style: str) -> Iterator[tuple[str, str]]:
    return ((line, style) for line in lines)


def _wrapped(text: str, width: int | None, indent: str = "") -> list[str]:
    if width is None:
        return [text]
    return wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    ) or [""]


def _grid(table: Table) -> Grid:
    """Return a table's cells as text, without empty columns."""
    rows = tuple(
        tuple(
            one_line(shown(cell, column), limit=1000)
            for cell, column in zip(row, table.columns, strict=True)
        )
        for row in table.rows
    )
    grid = Grid(table.columns, rows)
    return grid.without(n for n in range(len(table.columns)) if _is_empty(grid, n))


def _is_empty(grid: Grid, place: int) -> bool:
    column, cells = grid.columns[place], {row[place] for row in grid.rows}
    return cells <= {""} if column.kind != "number" else bool(cells) and cells <= {MISSING}


def _body(grid: Grid, width: int | None) -> Iterator[tuple[str, str]]:
    """Give the lines of the rows, in the first way that fits."""
    if width is None or _fits(grid, width):
        yield from _drawn(grid, width)
        return
    alike = [n for n in range(1, len(grid.columns)) if _is_alike(grid, n)]
    if alike:
        told = [_told(grid.columns[n], grid.rows[0][n]) for n in alike]
        yield from _styled(_wrapped(f"In every row: {'; '.join(told)}.", width), "")
        grid = grid.without(alike)
    if _fits(grid, width):
        yield from _drawn(grid, width)
        return
    places = [n for n, column in enumerate(grid.columns) if column.key in GROUPED]
    if places:
        yield from _groups(grid, places, width)
    else:
        yield from _stacked(grid, width)


def _is_alike(grid: Grid, place: int) -> bool:
    return len(grid.rows) > 1 and len({row[place] for row in grid.rows}) == 1


def _told(column: Column, text: str) -> str:
    """Write a cell with its name: `memory 4.2 MiB`; without a unit if it is not a number."""
    has_unit = column.unit and any(character.isdigit() for character in text)
    return " ".join(filter(None, (column.name, text, column.unit if has_unit else "")))


def _groups(grid: Grid, places: Sequence[int], width: int) -> Iterator[tuple[str, str]]:
    """Give a line for each data set and setting, and its rows below."""
    rest = grid.without(places)
    is_flat = _fits(rest, width)
    names = [" ".join(row[place] for place in places) for row in grid.rows]
    pairs = zip(names, rest.rows, strict=True)
    widths = _widths(rest, width)
    for number, (name, group) in enumerate(groupby(pairs, key=lambda pair: pair[0])):
        own = replace(rest, rows=tuple(row for _, row in group))
        if number:
            yield "", ""
        yield from _styled(_wrapped(name, width), "bold")
        yield from _drawn(own, width, widths) if is_flat else _stacked(own, width)


def _stacked(grid: Grid, width: int) -> Iterator[tuple[str, str]]:
    """Give each row its name in a line, and its other cells below, as many as a line holds."""
    for name, *cells in grid.rows:
        yield name, "bold"
        pairs = zip(grid.columns[1:], cells, strict=True)
        told = [_told(column, text) for column, text in pairs if text and text != MISSING]
        yield from _styled(_filled(told, width), "")


def _filled(parts: Sequence[str], width: int) -> Iterator[str]:
    """Fill lines with parts, and break only parts that are wider than a line."""
    line = ""
    for part in parts:
        if line and len(line) + len(GAP) + 1 + len(part) > width:
            yield line
            line = ""
        line += f"{', ' if line else INDENT}{part}"
        if len(line) > width:
            *whole, line = _wrapped(line, width, indent=2 * INDENT)
            whole = [INDENT + each.lstrip() if n == 0 else each for n, each in enumerate(whole)]
            yield from whole
    if line:
        yield line


def _fits(grid: Grid, width: int) -> bool:
    return _total(_widths(grid, width)) <= width


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(GAP) * max(len(widths) - 1, 0)


def _widths(grid: Grid, width: int | None) -> list[int]:
    """Return the width of each column; columns of sentences get what the others leave."""
    widths = [
        max(map(_width, [*_heading(column, width and 1), *(row[n] for row in grid.rows)]))
        for n, column in enumerate(grid.columns)
    ]
    prose = [n for n, column in enumerate(grid.columns) if column.kind == "prose"]
    while width is not None and prose and (over := _total(widths) - width) > 0:
        widest = max(prose, key=lambda n: widths[n])
        if widths[widest] <= LEAST_PROSE:
            break
        widths[widest] = max(LEAST_PROSE, widths[widest] - over)
    return widths


def _heading(column: Column, width: int | None) -> list[str]:
    """Return a heading, in as many lines as its column's width makes of it; None: in one."""
    words = one_line(" ".join(filter(None, (column.name, column.unit))))
    if width is None:
        return [words]
    return wrap(words, max(width, 1), break_long_words=False, break_on_hyphens=False) or [""]


def _drawn(grid: Grid, width: int | None, widths: Sequence[int] = ()) -> Iterator[tuple[str, str]]:
    """Give the heading, a rule, and the rows."""
    widths = widths or _widths(grid, width)
    headings = [_heading(*pair) for pair in zip(grid.columns, widths, strict=True)]
    tall = max(map(len, headings), default=0)
    raised = [[""] * (tall - len(each)) + each for each in headings]
    for line in range(tall):
        yield _line(grid.columns, widths, [each[line] for each in raised]), "bold"
    yield "─" * _total(widths), "dim"
    for row in grid.rows:
        for cells in _broken(grid.columns, widths, row):
            yield _line(grid.columns, widths, cells), ""


def _broken(
    columns: Sequence[Column], widths: Sequence[int], row: Sequence[str]
) -> Iterator[Sequence[str]]:
    """Give the lines of a row: one, if no sentence has to be broken."""
    every = [
        _wrapped(text, wide) if column.kind == "prose" else [text]
        for column, wide, text in zip(columns, widths, row, strict=True)
    ]
    for line in range(max(map(len, every), default=0)):
        yield [each[line] if line < len(each) else "" for each in every]


def _line(columns: Sequence[Column], widths: Sequence[int], cells: Sequence[str]) -> str:
    parts = []
    for column, wide, text in zip(columns, widths, cells, strict=True):
        room = " " * max(wide - _width(text), 0)
        parts.append(room + text if column.is_flush_right else text + room)
    return GAP.join(parts).rstrip()


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes; some characters take two, or none."""
    if text.isascii():
        return len(text)
    return sum(
        0 if combining(letter) else 2 if east_asian_width(letter) in "WF" else 1 for letter in text
    )
