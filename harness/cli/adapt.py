"""`harness adapt`: from photos to a model in a folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from harness.adaptation.adapt import Adapted, adapt
from harness.adaptation.card_facts import accuracy_sentence
from harness.adaptation.request import AUTO, AdaptRequest
from harness.api.progress import interruptible_progress
from harness.cli.options import Function, UserPath, cache_root_option, json_option, mode_option
from harness.cli.output import loaded_plugins, print_json, say

__all__ = ["EXIT_INTERRUPTED", "adapt_command", "as_fields", "photo_options"]

EXAMPLE = """\b
Example:
  harness adapt photos -d jetson -o model
  harness predict model new-photo.jpg
"""

EXIT_INTERRUPTED = 130


def in_mib(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read an amount of memory such as `600MiB`, `1.5GiB` or `600`, which is in MiB."""
    if value is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(Ki|Mi|Gi|M|G)?B?\s*", value)
    if match is None or float(match[1]) == 0:
        raise click.BadParameter(
            f"'{value}' is not an amount of memory; write it as 600MiB or 1.5GiB"
        )
    factor = {"Ki": 2**-10, "Mi": 1, "Gi": 2**10, "M": 1e6 / 2**20, "G": 1e9 / 2**20}
    return float(match[1]) * factor[match[2] or "Mi"]


def photo_options(function: Function) -> Function:
    """Add what adaptations and recommendations share, each by the name of its field."""
    options = (
        click.option(
            "-d",
            "--device",
            default="cpu",
            show_default=True,
            envvar="HARNESS_DEVICE",
            help="The device to adapt on; it is emulated where it is not this machine.",
        ),
        mode_option,
        click.option(
            "--keep",
            type=click.Choice(["derived", "supernet"]),
            default="derived",
            show_default=True,
            help="Keep the network derived from the search, or the supernet.",
        ),
        click.option(
            "--size",
            type=click.IntRange(8, 1024),
            default=32,
            show_default=True,
            help="Height and width that photos are brought to, in pixels.",
        ),
        click.option("--gray", is_flag=True, help="Make one channel of the colours."),
        click.option(
            "--channels",
            type=click.IntRange(1, 1024),
            default=8,
            show_default=True,
            help="The width C of a cell.",
        ),
        click.option(
            "--epochs",
            type=click.IntRange(1),
            default=24,
            show_default=True,
            help="Passes over the photos; in the last third the derived network learns alone.",
        ),
        click.option(
            "--memory",
            metavar="SIZE",
            callback=in_mib,
            help="A smaller limit than the device's: 600MiB.",
        ),
        click.option(
            "--seed",
            type=click.IntRange(0),
            default=0,
            show_default=True,
            help="Draws the photos that are held out, and the first weights.",
        ),
        cache_root_option,
        json_option,
    )
    for option in reversed(options):
        function = option(function)
    return function


def as_fields(values: dict[str, Any]) -> dict[str, Any]:
    """Return what `photo_options` give by the names of a request's fields."""
    fields = {key: value for key, value in values.items() if key not in {"gray", "memory"}}
    colours = "gray" if values["gray"] else "rgb"
    return {**fields, "colours": colours, "memory_mib": values["memory"]}


@click.command("adapt", epilog=EXAMPLE)
@click.argument("photos", type=UserPath())
@click.option(
    "-m",
    "--method",
    default=AUTO,
    show_default=True,
    envvar="HARNESS_METHOD",
    help="A method, such as onnas; auto takes what `harness recommend` says.",
)
@click.option(
    "-o",
    "--output",
    required=True,
    type=UserPath(),
    help="The model folder to make.",
)
@photo_options
def adapt_command(*, photos: Path, method: str, output: Path, as_json: bool, **given: Any) -> None:
    """Adapt a network to your photos, and leave it as a folder.

    PHOTOS is a folder of <class>/<photo>, or of <split>/<class>/<photo>. A fifth of each class, or
    the split `test` if there is one, is held out: no step learns from it, and the model is judged
    by it. The folder has the weights, the class names and a card. Interrupted, the same command
    goes on where this one stopped.
    """
    request = AdaptRequest(photos=photos, output=output, method=method, **as_fields(given))
    try:
        adapted = adapt(loaded_plugins(), request, interruptible_progress, say)
    except KeyboardInterrupt:
        say("Interrupted; run the same command again to continue.")
        raise SystemExit(EXIT_INTERRUPTED) from None
    _show(adapted, as_json=as_json)


def _show(adapted: Adapted, *, as_json: bool) -> None:
    judged, record = adapted.judgement, adapted.record
    if as_json:
        low, high = judged.interval
        answer = {
            "model": str(adapted.folder),
            "classes": list(judged.classes),
            "held_out": judged.total,
            "accuracy": {"value": judged.accuracy, "unit": "%", "low": low, "high": high},
            "confusion": judged.confusion.tolist(),
            "remarks": list(adapted.remarks),
            "record": record.model_dump(mode="json", by_alias=True),
        }
        print_json(answer)
        return
    for remark in adapted.remarks:
        click.echo(remark)
    supernet = record.metrics.get("supernet_accuracy")
    if supernet is not None and supernet.value is not None:
        better = supernet.value > judged.accuracy
        hint = "; --keep supernet keeps it instead" if better else ""
        click.echo(f"The supernet recognised {supernet.value:.0f} % of the same photos{hint}.")
    memory = record.metrics["peak_memory"]
    if memory.value is not None:
        where = (
            f"on {record.device.name}"
            if memory.source == "measured"
            else (f"on {record.device.name}, which is emulated here")
        )
        click.echo(f"Peak memory {memory.value:,.1f} MiB {where}.")
    click.echo(accuracy_sentence(judged))
    click.echo(f"The model is in {adapted.folder}; {adapted.folder / 'card.html'} says more.")
