"""How commands print: results on standard output, as text or JSON; warnings on standard error."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

from harness.plugins.loading import Plugins, load_plugins

__all__ = ["loaded_plugins", "print_json", "print_table"]


def loaded_plugins() -> Plugins:
    """Load all plugins; say on standard error, one line each, what cannot be used."""
    plugins = load_plugins()
    for complaint in plugins.complaints:
        click.echo(f"Warning: {complaint}", err=True)
    return plugins


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
