"""Tables as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterable

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from harness.report.table import Table, shown
from harness.results.reading import one_line

__all__ = ["print_tables"]


def print_tables(tables: Iterable[Table], console: Console) -> None:
    """Print tables one after another: columns that do not wrap, then remarks and captions.

    Whatever a record says is plain text on one line, no markup.
    """
    for table in tables:
        if table.columns:
            console.print(_drawn(table))
        sentences = [*(f"{note.sign}: {note.text}" for note in table.notes), *table.caption]
        for sentence in sentences:
            text = Text(one_line(sentence, limit=1000))
            console.print(text, soft_wrap=not console.is_terminal)


def _drawn(table: Table) -> RichTable:
    drawn = RichTable(
        box=SIMPLE_HEAD, pad_edge=False, title=table.title or None, title_justify="left"
    )
    for column in table.columns:
        heading = " ".join(filter(None, (column.name, column.unit)))
        drawn.add_column(
            heading, justify="right" if column.is_flush_right else "left", no_wrap=True
        )
    for row in table.rows:
        cells = zip(row, table.columns, strict=True)
        drawn.add_row(*(Text(one_line(shown(cell, column))) for cell, column in cells))
    return drawn
