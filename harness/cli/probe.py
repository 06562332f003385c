"""`harness devices probe`: what this machine is, and what can be read of it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from harness.cli.options import json_option
from harness.cli.output import print_json, print_table
from harness.devices.readings.probe import probe

__all__ = ["probe_machine"]


@click.command("probe")
@click.option(
    "--root",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    default=Path("/"),
    show_default=True,
    help="Folder to read /proc and /sys below, such as a copy from a board.",
)
@json_option
def probe_machine(root: Path, *, as_json: bool) -> None:
    """Read everything that this machine tells of itself.

    A value that cannot be read is left blank, and its note says why. The machine's names are what a
    device profile recognises it by.
    """
    readings = probe(root)
    if as_json:
        print_json([asdict(reading) for reading in readings])
        return
    headings = ("name", "value", "unit", "source", "note")
    rows = [
        (each.name, _spelled(each.value), each.unit, each.source, each.note) for each in readings
    ]
    print_table(headings, rows)


def _spelled(value: float | str | None) -> str | None:
    return f"{value:,.10g}" if isinstance(value, (int, float)) else value
