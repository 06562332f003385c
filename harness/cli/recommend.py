"""`harness recommend`: which method to take for photos on a device, and what it will cost."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from harness.adaptation.recommend import Recommendation, recommend
from harness.adaptation.request import PhotosRequest
from harness.api.progress import interruptible_progress
from harness.cli.adapt import EXIT_INTERRUPTED, as_fields, photo_options
from harness.cli.options import UserPath
from harness.cli.output import loaded_plugins, print_json, result_console, say
from harness.reports.estimate_tables import recommendation_table
from harness.reports.terminal import print_tables

__all__ = ["recommend_command"]

EXAMPLE = """\b
Example:
  harness recommend photos -d jetson --memory 200MiB --time 20min
"""

EXIT_NOTHING_FITS = 1


def in_seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read an amount of time such as `20min`, `1.5h`, `90s` or `20`, which is in minutes."""
    if value is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(s|min|h)?\s*", value)
    if match is None or float(match[1]) == 0:
        raise click.BadParameter(f"'{value}' is no amount of time; write it as 20min or 1.5h")
    return float(match[1]) * {"s": 1, "min": 60, "h": 3600}[match[2] or "min"]


@click.command("recommend", epilog=EXAMPLE)
@click.argument("photos", type=UserPath())
@click.option(
    "--time",
    "seconds",
    metavar="TIME",
    callback=in_seconds,
    help="How long the adaptation may take on the device: 20min.",
)
@photo_options
def recommend_command(*, photos: Path, seconds: float | None, as_json: bool, **given: Any) -> None:
    """Say which method to take for your photos on a device.

    Every method is estimated as it would be run; what does not fit is tried with engines that need
    less memory, and dropped. The rest is raced on a part of the photos, in rounds of few epochs,
    and set beside weights-only, which searches nothing. `harness adapt` does the same and goes on.
    Exits with 1 if nothing fits.
    """
    request = PhotosRequest(photos=photos, **as_fields(given))
    try:
        found = recommend(loaded_plugins(), request, interruptible_progress, say, seconds)
    except KeyboardInterrupt:
        say("Interrupted; the same command goes on where this one stopped.")
        raise SystemExit(EXIT_INTERRUPTED) from None
    if as_json:
        print_json(found.to_json())
    else:
        _show(found)
    if found.choice is None:
        raise SystemExit(EXIT_NOTHING_FITS)


def _show(found: Recommendation) -> None:
    click.echo(found.sentence)
    for remark in found.remarks:
        click.echo(remark)
    print_tables([recommendation_table(found)], result_console())
