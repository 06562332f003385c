"""How commands print: results on standard output, as text or JSON; warnings on standard error."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from harness.plugins.loading import Plugins, load_plugins

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["loaded_plugins", "print_json", "print_table", "result_console", "say"]


def loaded_plugins() -> Plugins:
    """Load all plugins; say on standard error, one line each, what cannot be used."""
    plugins = load_plugins()
    for complaint in plugins.complaints:
        say(f"Warning: {complaint}")
    return plugins


def say(sentence: str) -> None:
    """Print a line that is not a result, on standard error."""
    click.echo(sentence, err=True)


def result_console() -> Console:
    """Return where to print results; a pipe has no width, so rows are not folded there."""
    from rich.console import Console  # noqa: PLC0415 - only results wait for it

    console = Console()
    return console if console.is_terminal else Console(width=200)


def print_json(value: Any) -> None:
    """Print a JSON value on standard output."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], indent: str = ""
) -> None:
    """Print rows under headings, each column as wide as its longest cell; None is left blank."""
    cells = [[_text(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(indent + line.rstrip())


def _text(cell: object) -> str:
    return "" if cell is None else str(cell)
