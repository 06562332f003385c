"""Writes tables as Markdown and LaTeX, and as CSV or data frames for programs.

For terminals there is `harness.reports.terminal`, for the page `harness.reports.page`. All of them
show a cell as `harness.reports.table.shown` rounds and marks it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from textwrap import wrap
from typing import TYPE_CHECKING

from harness.reports.table import Column, Table, TableCell, shown
from harness.results.reading import one_line

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = [
    "escaped_latex",
    "escaped_markdown",
    "exact_frame",
    "shown_frame",
    "to_csv",
    "to_latex",
    "to_markdown",
]

# What begins code, emphasis, a link, a column, HTML, an entity or a mention. What is markup at the
# start of a line only (#, -, 1.) stands at none, `_` within a word is none, `://` and `www.` become
# links by themselves.
_SPECIAL = re.compile(r"([\\`*\[<|~&@]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.|:(?=//))", re.I)

PREAMBLE = (
    "% Needs \\usepackage{booktabs} and \\usepackage{graphicx}; wide tables, a page in landscape."
)
HEADING_WIDTH = 10  # characters

_ESCAPES = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "{": r"\{",
        "}": r"\}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "~": r"$\sim$",
        "^": r"\textasciicircum{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "|": r"\textbar{}",
        "[": "{[}",  # after a line's end it would be read as an argument
        "]": "{]}",
        "*": "{*}",  # the same
        '"': r"\textquotedbl{}",
        "±": r"$\pm$",
        "−": "$-$",
        "–": "--",
        "Δ": r"$\Delta$",
        "α": r"$\alpha$",
        "β": r"$\beta$",
        "×": r"$\times$",
        "…": r"\dots{}",
    }
)


def to_markdown(tables: Sequence[Table]) -> str:
    """Return the tables one after another, each with its title, remarks and caption."""
    return "\n".join(line for table in tables for line in _markdown_lines(table))


def escaped_markdown(text: str) -> str:
    """Escape a stranger's text so that Markdown shows it literally, on one line."""
    return _SPECIAL.sub(r"\\\1", one_line(text, limit=1000))


def _markdown_lines(table: Table) -> Iterator[str]:
    yield f"## {escaped_markdown(table.title)}"
    yield ""
    if table.rows:
        yield shown_frame(table, escaped_markdown, str).to_markdown(
            index=False,
            disable_numparse=True,
            colalign=["right" if c.is_flush_right else "left" for c in table.columns],
        )
    elif table.columns:
        yield "No rows."
    yield from [""] if table.columns else []
    yield from (f"- {note.sign}: {escaped_markdown(note.text)}" for note in table.notes)
    yield from ([""] if table.notes else [])
    for sentence in table.caption:
        yield ("" if table.columns else "- ") + escaped_markdown(sentence)
        yield from [""] if table.columns else []
    yield from [] if table.columns else [""]


def to_latex(tables: Sequence[Table]) -> str:
    """Return a `table` environment for each table, with its caption, rows and remarks."""
    return "\n".join([PREAMBLE, *(line for table in tables for line in _latex_lines(table))])


def escaped_latex(text: str) -> str:
    """Escape a stranger's text so that LaTeX prints it literally and runs none of it."""
    return one_line(text, limit=1000).translate(_ESCAPES)


def _latex_lines(table: Table) -> Iterator[str]:
    yield ""
    if not table.columns:
        yield rf"\paragraph{{{escaped_latex(table.title)}}}"
        yield from map(escaped_latex, table.caption)
        return
    yield r"\begin{table*}"
    yield r"\centering"
    yield rf"\caption{{{escaped_latex(table.title)}}}"
    yield rf"\label{{tab:{_label(table.key)}}}"
    yield r"\resizebox{\textwidth}{!}{%"
    yield _tabular(table) + "}"
    yield r"\begin{flushleft}\footnotesize"
    yield from (rf"{escaped_latex(sentence)}\\" for sentence in table.caption)
    yield from (rf"{note.sign}: {escaped_latex(note.text)}\\" for note in table.notes)
    yield r"\end{flushleft}"
    yield r"\end{table*}"


def _tabular(table: Table) -> str:
    frame = shown_frame(table, escaped_latex, escaped_latex)
    frame.columns = [_stacked(column) for column in table.columns]
    form = "".join("r" if c.is_flush_right else "l" for c in table.columns)
    return frame.style.hide(axis="index").to_latex(hrules=True, column_format=form).rstrip()


def _stacked(column: Column) -> str:
    """Break a heading into lines, so that its column is hardly wider than its numbers."""
    lines = wrap(column.heading, HEADING_WIDTH, break_long_words=False, break_on_hyphens=False)
    side = "r" if column.is_flush_right else "l"
    stacked = r" \\ ".join(map(escaped_latex, lines))
    return rf"\shortstack[{side}]{{{stacked}}}"


def _label(key: str) -> str:
    """Return a key without characters that are unsafe in a label."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in key)


def shown_frame(
    table: Table, escape_text: Callable[[str], str], escape_number: Callable[[str], str]
) -> DataFrame:
    """Return a table as text for people: headings with units, cells rounded, marked and escaped."""
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
    """Return the rows of all tables with unrounded numbers; the column `table` names the table.

    Beside a column KEY there is KEY_std if cells have a standard deviation, and KEY_source if
    numbers may be other than measured: `measured`, `emulated`, `predicted`, `published`, or `unfit`
    if there is no number because the device did not hold it.
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


def _exact_row(table: Table, row: Sequence[TableCell]) -> Iterator[tuple[str, float | str | None]]:
    for cell, column in zip(row, table.columns, strict=True):
        values = [cell.note if column.kind == "notes" else cell.value]
        values += [cell.spread] if column.has_spread else []
        values += [_source(cell, column)] if column.has_marks else []
        yield from zip(_keys(column), values, strict=True)


def _source(cell: TableCell, column: Column) -> str | None:
    if cell.mark or cell.value is None:
        return cell.mark or None
    return "published" if column.key.endswith("_published") else "measured"
