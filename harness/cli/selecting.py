"""Options that say what is run; several commands take some of them."""

from __future__ import annotations

from typing import Any

import click

__all__ = [
    "budget_option",
    "dataset_map_option",
    "dataset_option",
    "device_option",
    "given",
    "memory_option",
    "method_option",
    "mode_option",
    "queries_option",
    "seed_option",
    "shots_option",
    "ways_option",
]

method_option = click.option(
    "-m",
    "--method",
    "methods",
    multiple=True,
    envvar="HARNESS_METHOD",
    help="A method, such as onnas or 'onnas[q=1]'; repeat it, or say all.",
)
device_option = click.option(
    "-d",
    "--device",
    "devices",
    multiple=True,
    envvar="HARNESS_DEVICE",
    help="A device to run on or emulate; repeat it, or say all.  [default: cpu]",
)
mode_option = click.option(
    "--mode",
    type=click.Choice(["measured", "emulated"]),
    envvar="HARNESS_MODE",
    help="Insist on the device itself, or on its emulation.  [default: measured where it is]",
)
dataset_option = click.option(
    "--dataset",
    "datasets",
    multiple=True,
    envvar="HARNESS_DATASET",
    help="A data set; repeat it, or say all.  [default: glyphs]",
)
dataset_map_option = click.option(
    "--dataset-map",
    "dataset_map",
    multiple=True,
    metavar="NAME=DATASET",
    help="Put another data set in the place of one that the suite names; can be repeated.",
)
ways_option = click.option(
    "--ways",
    type=click.IntRange(min=1),
    envvar="HARNESS_WAYS",
    help="Classes of an episode.  [default: 5]",
)
shots_option = click.option(
    "--shots",
    type=click.IntRange(min=1),
    envvar="HARNESS_SHOTS",
    help="Support images a class.  [default: 1]",
)
queries_option = click.option(
    "--queries",
    type=click.IntRange(min=1),
    envvar="HARNESS_QUERIES",
    help="Query images a class.  [default: 15]",
)
budget_option = click.option(
    "--budget",
    envvar="HARNESS_BUDGET",
    help="A named budget, key=value pairs, or both: small,tasks=5.  [default: quick]",
)
memory_option = click.option(
    "--count-memory/--no-count-memory",
    "counts_memory",
    default=None,
    help="Count memory, or leave it out of a measurement of time alone.  [default: count]",
)
seed_option = click.option(
    "--seed", "seeds", envvar="HARNESS_SEED", help="Seeds, such as 0-2 or 0,4.  [default: 0]"
)


def given(options: dict[str, Any]) -> dict[str, Any]:
    """Keep the options that were given; repeated ones come as tuples."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in options.items()
        if value not in (None, ())
    }
