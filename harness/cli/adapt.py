"""`harness recommend` and `harness adapt`: from photos to a method, and to a model in a folder."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.adaptation.adapt import adapt
from harness.adaptation.decision import Recommendation
from harness.adaptation.recommend import recommend
from harness.adaptation.request import AUTO, AdaptRequest, PhotosRequest, Wishes
from harness.api.progress import interruptible_progress
from harness.boards.work import adapt_on, recommend_on
from harness.cli.options import (
    Function,
    UserPath,
    cache_root_option,
    json_option,
    mode_option,
    on_option,
    output_option,
)
from harness.cli.output import (
    examples,
    loaded_plugins,
    print_json,
    result_console,
    say,
    say_interrupted,
)
from harness.reports.estimate_tables import recommendation_table
from harness.reports.terminal import print_tables

if TYPE_CHECKING:
    from harness.boards.connection import BoardAddress

__all__ = ["adapt_command", "recommend_command"]

EXIT_NOTHING_FITS = 1


def _amount(
    value: str | None, units: Mapping[str, float], usual: str, of: str, *, suffix: str = ""
) -> float | None:
    """Read a positive number and its unit, the usual one if it has none; None if not given."""
    if value is None:
        return None
    match = re.fullmatch(rf"\s*(\d+(?:\.\d+)?)\s*({'|'.join(units)})?{suffix}\s*", value)
    if match is None or float(match[1]) == 0:
        raise click.BadParameter(f"'{value}' is not an amount of {of}")
    return float(match[1]) * units[match[2] or usual]


def in_mib(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read an amount of memory such as `600MiB`, `1.5GiB` or `600`, which is in MiB."""
    units = {"Ki": 2**-10, "Mi": 1, "Gi": 2**10, "M": 1e6 / 2**20, "G": 1e9 / 2**20}
    return _amount(value, units, "Mi", "memory; write it as 600MiB or 1.5GiB", suffix="B?")


def in_seconds(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read an amount of time such as `20min`, `1.5h`, `90s` or `20`, which is in minutes."""
    units = {"s": 1, "min": 60, "h": 3600}
    return _amount(value, units, "min", "time; write it as 20min or 1.5h")


def in_joules(_: click.Context, __: click.Parameter, value: str | None) -> float | None:
    """Read an amount of energy such as `5kJ`, `2Wh` or `600`, which is in joules."""
    units = {"J": 1, "kJ": 1000, "Wh": 3600}
    return _amount(value, units, "J", "energy; write it as 5kJ or 2Wh")


# What adaptations and recommendations share, each by the name of its field.
PHOTO_OPTIONS = (
    click.option(
        "-d",
        "--device",
        default=PhotosRequest.device,
        show_default=True,
        envvar="HARNESS_DEVICE",
        help="The device to adapt on; it is emulated where it is not this machine.",
    ),
    mode_option,
    click.option(
        "--keep",
        type=click.Choice(["derived", "supernet"]),
        default=PhotosRequest.keep,
        show_default=True,
        help="Keep the network derived from the search, or the supernet.",
    ),
    click.option(
        "--size",
        type=click.IntRange(8, 1024),
        default=PhotosRequest.size,
        show_default=True,
        help="Height and width that photos are brought to, in pixels.",
    ),
    click.option(
        "--gray",
        "colours",
        flag_value="gray",
        default=PhotosRequest.colours,
        help="Convert the photos to grayscale.",
    ),
    click.option(
        "--channels",
        type=click.IntRange(1, 1024),
        default=PhotosRequest.channels,
        show_default=True,
        help="The width C of a cell.",
    ),
    click.option(
        "--epochs",
        type=click.IntRange(1),
        default=PhotosRequest.epochs,
        show_default=True,
        help="Passes over the photos; in the last half the derived network learns alone.",
    ),
    click.option(
        "--memory",
        "memory_mib",
        metavar="SIZE",
        callback=in_mib,
        help="A smaller limit than the device's: 600MiB.",
    ),
    click.option(
        "--race-time",
        "race_s",
        metavar="TIME",
        callback=in_seconds,
        default=f"{PhotosRequest.race_s / 60:g}min",
        show_default=True,
        help="How long methods are raced here to choose one, which is then run for longer.",
    ),
    click.option(
        "--seed",
        type=click.IntRange(0),
        default=PhotosRequest.seed,
        show_default=True,
        help="Draws the photos that are held out, and the first weights.",
    ),
    cache_root_option,
    json_option,
)


def photo_options(function: Function) -> Function:
    """Add what adaptations and recommendations share, in the order in which help lists it."""
    for option in reversed(PHOTO_OPTIONS):
        function = option(function)
    return function


@click.command(
    "adapt",
    epilog=examples(
        "harness adapt photos -d jetson -o model",
        "harness predict model new-photo.jpg",
        "harness adapt more-photos -d jetson --base model -o better-model",
        "harness adapt photos -d jetson --on ssh://me@board -o model",
    ),
)
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
    "--base",
    type=UserPath(),
    help="A model folder whose network learns on, with a new last layer for other classes.",
)
@click.option(
    "--checkpoint",
    type=UserPath(),
    help="A file that `harness pretrain` made, from which its method starts.",
)
@output_option("The model folder to make.", UserPath(), required=True)
@on_option
@photo_options
def adapt_command(*, address: BoardAddress | None, as_json: bool, **given: Any) -> None:
    """Adapt a network to your photos, and leave it as a folder.

    PHOTOS is a folder of <class>/<photo>, or of <split>/<class>/<photo>. A fifth of each class, or
    the split `test` if there is one, is held out: no step learns from it, and the model is judged
    by it. The folder has the weights, the class names and a card. Interrupted, the same command
    goes on where this one stopped; with --on also after a lost connection.
    """
    request = AdaptRequest(**given)
    try:
        if address is None:
            adapted = adapt(loaded_plugins(), request, interruptible_progress, say)
        else:
            adapted = adapt_on(address, loaded_plugins(), request, say)
    except KeyboardInterrupt:
        raise SystemExit(say_interrupted()) from None
    if as_json:
        print_json(adapted.to_json())
        return
    for sentence in adapted.sentences:
        click.echo(sentence)


@click.command(
    "recommend",
    epilog=examples(
        "harness recommend photos -d jetson --memory 200MiB --time 20min",
        "harness recommend photos -d jetson-orin-nano --on ssh://me@board",
    ),
)
@click.argument("photos", type=UserPath())
@click.option(
    "--time",
    "seconds",
    metavar="TIME",
    callback=in_seconds,
    help="How long the adaptation may take on the device: 20min.",
)
@click.option(
    "--energy",
    "joules",
    metavar="ENERGY",
    callback=in_joules,
    help="How much energy the adaptation may take on the device: 5kJ or 2Wh.",
)
@click.option(
    "--rehearse/--no-rehearse",
    default=True,
    show_default=True,
    help="Run the choice once with all epochs, to say what to expect; adapt then need not.",
)
@on_option
@photo_options
def recommend_command(  # noqa: PLR0913 - one parameter an option
    *,
    photos: Path,
    seconds: float | None,
    joules: float | None,
    rehearse: bool,
    address: BoardAddress | None,
    as_json: bool,
    **given: Any,
) -> None:
    """Say which method to take for your photos on a device.

    Every method is estimated as it would be run; what does not fit is tried with engines that need
    less memory, and dropped. The rest is raced on a part of the photos, in rounds of few epochs,
    and set beside weights-only, which searches nothing. What is chosen is then run once with all
    epochs, to say what accuracy to expect. `harness adapt` does the same, and keeps the model.
    Exits with 1 if nothing fits.
    """
    request = PhotosRequest(photos=photos, **given)
    wishes = Wishes(seconds=seconds, joules=joules, rehearses=rehearse)
    try:
        if address is None:
            found = recommend(loaded_plugins(), request, interruptible_progress, say, wishes)
        else:
            found = recommend_on(address, loaded_plugins(), request, wishes, say)
    except KeyboardInterrupt:
        raise SystemExit(say_interrupted()) from None
    if as_json:
        print_json(found.to_json())
    else:
        _show_choice(found)
    if found.choice is None:
        raise SystemExit(EXIT_NOTHING_FITS)


def _show_choice(found: Recommendation) -> None:
    for sentence in (*found.reasons, *found.outlook):  # remarks were said
        click.echo(sentence)
    print_tables([recommendation_table(found)], result_console())
