"""Tables as GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.report.formats.frames import shown_frame
from harness.report.table import Table
from harness.results.reading import one_line

__all__ = ["escaped", "to_markdown"]

# What begins code, emphasis, a link, a column, HTML, an entity or a mention. What is markup at the
# start of a line only (#, -, 1.) stands at none, `_` within a word is none, `://` and `www.` become
# links by themselves.
_SPECIAL = re.compile(r"([\\`*\[<|~&@]|(?<![^\W_])_|_(?![^\W_])|(?<=www)\.|:(?=//))", re.I)


def to_markdown(tables: Sequence[Table]) -> str:
    """Return the tables one after another, each with its title, remarks and caption."""
    return "\n".join(line for table in tables for line in _lines(table))


def escaped(text: str) -> str:
    """Return a stranger's text so that Markdown shows it as it is, on one line."""
    return _SPECIAL.sub(r"\\\1", one_line(text, limit=1000))


def _lines(table: Table) -> Iterator[str]:
    yield f"## {escaped(table.title)}"
    yield ""
    if table.rows:
        yield shown_frame(table, escaped, str).to_markdown(
            index=False,
            disable_numparse=True,
            colalign=["right" if c.is_flush_right else "left" for c in table.columns],
        )
    else:
        yield "No rows."
    yield ""
    yield from (f"- {note.sign}: {escaped(note.text)}" for note in table.notes)
    yield from ([""] if table.notes else [])
    for sentence in table.caption:
        yield escaped(sentence)
        yield ""
