"""Shows on standard error how far a long command is: a bar on a terminal, else a line at times."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

__all__ = ["work_on_stderr"]

LINE_EVERY_S = 10.0


@contextmanager
def work_on_stderr(total: int) -> Iterator[Callable[[str], None]]:
    """Give what is to be told the name of each of `total` pieces of work when it begins."""
    if not sys.stderr.isatty():
        yield _lines(total)
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task("", total=total)
        yield lambda name: progress.update(bar, advance=1, description=name)


def _lines(total: int) -> Callable[[str], None]:
    """Say the first piece of work, and then no more than one in ten seconds."""
    number, last = 0, float("-inf")

    def started(name: str) -> None:
        nonlocal number, last
        number += 1
        if time.monotonic() - last >= LINE_EVERY_S:
            last = time.monotonic()
            click.echo(f"[{number}/{total}] {name}", err=True)

    return started
