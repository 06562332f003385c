"""How commands print: results on standard output, as text or JSON; warnings on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any

import click

from harness.cli.main import INTERRUPTED
from harness.plugins.loading import Plugins, load_plugins
from harness.system.streams import is_terminal, tell

if TYPE_CHECKING:
    from rich.console import Console

    from harness.estimates.estimates import Estimate

__all__ = [
    "examples",
    "loaded_plugins",
    "print_json",
    "print_table",
    "result_console",
    "say",
    "say_estimate",
    "say_interrupted",
]


# Columns of sentences, which a narrow terminal breaks between words.
PROSE = frozenset({"summary", "description", "finding", "takes", "registers", "note"})


def examples(*lines: str) -> str:
    """Return what the `--help` of a command ends with: lines to type, as they are."""
    return "\b\nExample:\n" + "\n".join(f"  {line}" for line in lines)


def loaded_plugins() -> Plugins:
    """Load all plugins; say on standard error, one line each, what cannot be used."""
    plugins = load_plugins()
    for complaint in plugins.complaints:
        say(f"Warning: {complaint}")
    return plugins


def say(sentence: str) -> None:
    """Print a line that is not a result, on standard error."""
    tell(sentence)


def say_interrupted() -> int:
    """Say how to continue an interrupted command, and return its exit status."""
    say("Interrupted; run the same command again to continue.")
    return INTERRUPTED


def say_estimate(number: int, total: int, estimate: Estimate) -> None:
    """Say which of the estimates is finished, and what went wrong with it, if anything did."""
    fault = f": {estimate.error}" if estimate.error else ""
    say(f"[{number}/{total}] {estimate.search}{fault}")


def result_console() -> Console:
    """Return where to print results; a pipe has no width, and gets whole lines."""
    from rich.console import Console  # noqa: PLC0415 - only results wait for it

    if is_terminal(sys.stdout):
        return Console()
    return Console(width=200, force_terminal=False)  # whatever FORCE_COLOR says


def print_json(value: Any) -> None:
    """Print a JSON value on standard output, with escapes for what its encoding has no sign for."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        text = json.dumps(value, indent=2)
    click.echo(text)


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], indent: str = ""
) -> None:
    """Print rows under headings, in whatever way the terminal has room for; None is left blank."""
    from harness.reports.table import Column, Table, TableCell  # noqa: PLC0415 - only tables wait
    from harness.reports.terminal import lines_of  # noqa: PLC0415 - as above

    columns = tuple(
        Column(heading, heading, kind="prose" if heading in PROSE else "text")
        for heading in headings
    )
    cells = tuple(tuple(TableCell(_text(cell)) for cell in row) for row in rows)
    width = get_terminal_size().columns - len(indent) if is_terminal(sys.stdout) else None
    lines = [line for line, _ in lines_of(Table("", "", (), columns, cells), width)]
    for line in lines[:-1]:  # what comes next sees to its own distance
        click.echo((indent + line).rstrip())


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
