"""`harness correlate`: how well scores rank architectures by what a table has measured."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.options import (
    Names,
    UserPath,
    cache_root_option,
    data_root_option,
    json_option,
    output_option,
)
from harness.cli.output import examples, loaded_plugins, print_json, result_console, say
from harness.reports.estimate_tables import correlation_table
from harness.reports.terminal import print_tables
from harness.system.files import write_whole

__all__ = ["correlate_command"]


@click.command(
    "correlate", epilog=examples("harness correlate --dataset 'nasbench201[latency=all]'")
)
@click.option(
    "-s",
    "--score",
    "scores",
    multiple=True,
    type=Names(),
    help="A zero-cost score, see `harness list scores`; can be repeated.",
)
@click.option(
    "--dataset",
    "table",
    default="nasbench201",
    show_default=True,
    help="The table, such as 'nasbench201[metric=cifar100,latency=all]'.",
)
@click.option(
    "--images",
    default="cifar10",
    show_default=True,
    help="The data set whose training images a score is given.",
)
@click.option(
    "--batch", type=click.IntRange(min=2), default=64, show_default=True, help="How many images."
)
@click.option(
    "--sample",
    type=click.IntRange(min=3),
    help="Architectures, drawn at random.  [default: all; with a score, 100]",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Of all that is drawn.")
@output_option("A CSV file for the numbers of each architecture.", UserPath(dir_okay=False))
@data_root_option
@cache_root_option
@json_option
def correlate_command(  # noqa: PLR0913 - one parameter an option
    *,
    scores: tuple[str, ...],
    table: str,
    images: str,
    batch: int,
    sample: int | None,
    seed: int,
    output: Path | None,
    data_root: Path | None,
    cache_root: Path,
    as_json: bool,
) -> None:
    """Say how well scores rank architectures by what a table has measured.

    FLOPs and parameters, counted from shapes, always stand among the scores: what ranks no better
    than they do tells nothing that counting does not. Brackets are 95 % bootstrap intervals.
    """
    # Imports scipy, which `--help` need not wait for.
    from harness.scores.correlating import (  # noqa: PLC0415 - see above
        CorrelationRequest,
        correlate,
    )

    request = CorrelationRequest(
        table=table,
        scores=tuple(dict.fromkeys(scores)),
        images=images,
        batch=batch,
        sample=sample,
        seed=seed,
        data_root=data_root,
        cache_root=cache_root,
    )
    result = correlate(loaded_plugins(), request, say)
    if output is not None:
        write_whole(output, result.to_csv())
        say(f"The numbers of each architecture are in {output}")
    if as_json:
        print_json(result.to_json())
    else:
        print_tables([correlation_table(result)], result_console())
