"""The tables and marks that all commands print alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

__all__ = ["EMULATED", "MISSING", "NOT_FITTING", "PREDICTED", "plain_table"]

MISSING = "–"
NOT_FITTING = "X"
EMULATED = "*"
PREDICTED = "~"


def plain_table(
    words: Sequence[str],
    numbers: Sequence[str],
    last: Sequence[str] = (),
    *,
    rows: Iterable[Iterable[str]],
    title: str | None = None,
) -> Table:
    """Return a table without lines between rows, whose columns do not wrap.

    Args:
        words: headings of the first columns.
        numbers: headings of the columns after them, which are flush right.
        last: headings of columns of words that come after the numbers.
        rows: a cell for each column.
        title: stands above it.
    """
    table = Table(box=SIMPLE_HEAD, pad_edge=False, title=title, title_justify="left")
    for heading in words:
        table.add_column(heading, no_wrap=True)
    for heading in numbers:
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in last:
        table.add_column(heading, no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))  # in plain text [q=1] would be rich's markup
    return table
