"""`harness estimate` and `harness bench`: what a search takes, from shapes or measured here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.api.costs import bench_searches, estimate_searches
from harness.cli.options import (
    UserPath,
    budget_option,
    cache_root_option,
    data_root_option,
    dataset_map_option,
    dataset_option,
    device_option,
    given,
    json_option,
    method_option,
    output_option,
    recipe_option,
    seed_option,
    shots_option,
    space_option,
    ways_option,
)
from harness.cli.output import (
    examples,
    loaded_plugins,
    print_json,
    result_console,
    say,
    say_estimate,
)
from harness.planning.plan import PlanRequest
from harness.reports.estimate_tables import bench_table, estimate_table
from harness.reports.terminal import print_tables
from harness.results.costs import bench_to_json
from harness.results.rows import rows_of_estimate

__all__ = [
    "bench",
    "estimate",
]


@click.command(
    epilog=examples(
        "harness estimate table2 -d jetson",
        "harness estimate -m onnas -m darts --dataset miniimagenet --ways 5 --shots 5",
    )
)
@click.argument("suite", required=False)
@method_option
@device_option
@dataset_option
@dataset_map_option
@ways_option
@shots_option
@recipe_option
@space_option
@budget_option
@seed_option
@output_option(
    "A folder to keep the estimate in, for `harness report` and `harness compare`.",
    UserPath(file_okay=False),
)
@data_root_option
@cache_root_option
@json_option
def estimate(  # noqa: PLR0913 - one parameter an option
    *,
    suite: str | None,
    dataset_map: tuple[str, ...],
    output: Path | None,
    data_root: Path | None,
    cache_root: Path,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Predict memory and time from shapes alone.

    No data set is read and nothing is trained: each method's own search steps run on tensors
    without values. SUITE and the options say what to estimate, as in `harness run`.

    Memory is what a run would count, to the byte, unless the method chooses by values: then it is
    the largest that its choices can lead to, and the range is shown. Time comes from the device's
    cost model, with the band that held nine of ten known times.
    """
    request = PlanRequest(
        suite=suite,
        wanted=given(wanted),
        dataset_map=dataset_map,
        data_root=data_root,
        cache_root=cache_root,
    )
    found = estimate_searches(loaded_plugins(), request, say_estimate, say)
    if output is not None:
        say(f"The estimate is in {found.save(output)}")
    if as_json:
        print_json({"rows": [row.to_json() for row in found.rows]})
    else:
        from harness.comparison.findings import findings_of_rows  # noqa: PLC0415 - imports scipy

        rows = [each for row in found.rows for each in rows_of_estimate(row)]
        for sentence in findings_of_rows(rows):
            click.echo(sentence)
        print_tables([estimate_table(found.rows, brief=True)], result_console())
    if any(row.error for row in found.rows):
        raise SystemExit(1)


@click.command(
    epilog=examples("harness bench -m darts -m 'darts[engine=streamed]' -m onnas --budget quick")
)
@click.argument("suite", required=False)
@method_option
@click.option(
    "-d", "--device", default="cpu", show_default=True, help="The device; it must be this machine."
)
@dataset_option
@ways_option
@shots_option
@recipe_option
@space_option
@budget_option
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Warm search steps of each method.",
)
@output_option("A folder to keep the numbers in, for `harness compare`.", UserPath(file_okay=False))
@data_root_option
@cache_root_option
@json_option
def bench(  # noqa: PLR0913 - one parameter an option
    *,
    suite: str | None,
    device: str,
    rounds: int,
    output: Path | None,
    data_root: Path | None,
    cache_root: Path,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Measure seconds and memory of a search step on this machine.

    SUITE and the options say what to measure, as in `harness run`; images are noise of the data
    set's shape. Methods of one setting take turns, and ratios are of steps in the same round, since
    a machine does not stay equally fast. Engines are parameters: -m 'darts[engine=streamed]'.
    """
    request = PlanRequest(
        suite=suite, wanted=given(wanted), data_root=data_root, cache_root=cache_root
    )
    found = bench_searches(loaded_plugins(), request, device, rounds, say)
    if output is not None:
        say(f"The benchmark is in {found.save(output)}")
    if as_json:
        print_json({"rows": bench_to_json(found.rows)})
    else:
        print_tables([bench_table(found.rows)], result_console())
    if any(row.error for row in found.rows):
        raise SystemExit(1)
