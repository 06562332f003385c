"""Tables as LaTeX with booktabs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from textwrap import wrap

from harness.report.formats.frames import shown_frame
from harness.report.table import Column, Table
from harness.results.reading import one_line

__all__ = ["escaped", "to_latex"]

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
        "*": "{*}",  # likewise
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


def to_latex(tables: Sequence[Table]) -> str:
    """Return a `table` environment for each table, with its caption, rows and remarks."""
    return "\n".join([PREAMBLE, *(line for table in tables for line in _lines(table))])


def escaped(text: str) -> str:
    """Return a stranger's text so that LaTeX sets it as it is; nothing of it is a command."""
    return one_line(text, limit=1000).translate(_ESCAPES)


def _lines(table: Table) -> Iterator[str]:
    yield ""
    yield r"\begin{table*}"
    yield r"\centering"
    yield rf"\caption{{{escaped(table.title)}}}"
    yield rf"\label{{tab:{_label(table.key)}}}"
    yield r"\resizebox{\textwidth}{!}{%"
    yield _tabular(table) + "}"
    yield r"\begin{flushleft}\footnotesize"
    yield from (rf"{escaped(sentence)}\\" for sentence in table.caption)
    yield from (rf"{note.sign}: {escaped(note.text)}\\" for note in table.notes)
    yield r"\end{flushleft}"
    yield r"\end{table*}"


def _tabular(table: Table) -> str:
    frame = shown_frame(table, escaped, escaped)
    frame.columns = [_stacked(column) for column in table.columns]
    form = "".join("r" if c.is_flush_right else "l" for c in table.columns)
    return frame.style.hide(axis="index").to_latex(hrules=True, column_format=form).rstrip()


def _stacked(column: Column) -> str:
    """Break a heading, so that its column is hardly wider than the numbers below it."""
    lines = wrap(column.heading, HEADING_WIDTH, break_long_words=False, break_on_hyphens=False)
    side = "r" if column.is_flush_right else "l"
    stacked = r" \\ ".join(map(escaped, lines))
    return rf"\shortstack[{side}]{{{stacked}}}"


def _label(key: str) -> str:
    """Keep of a key what is safe in a label."""
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in key)
