"""`harness pretrain`: the offline stage alone, for a machine that is fast, or a long night."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from harness.cli.options import cache_root_option, data_root_option, json_option
from harness.cli.output import loaded_plugins, print_json, print_table, say
from harness.cli.progress import progress_on_stderr
from harness.cli.selecting import (
    budget_option,
    dataset_option,
    device_option,
    given,
    method_option,
    mode_option,
    seed_option,
    ways_option,
)
from harness.cli.signals import terminate_as_interrupt
from harness.cli.spreading import Spread, executor_of, scheduler_options
from harness.contracts import DataRequest
from harness.planning.planner import Planner
from harness.planning.suites import entries_of
from harness.pretraining.pretrain_all import Pretrained, pretrain_all
from harness.pretraining.store import OfflineStage

__all__ = ["pretrain"]

EXIT_SOME_FAILED = 1


@click.command()
@click.argument("suite", required=False)
@method_option
@device_option
@mode_option
@dataset_option
@ways_option
@budget_option
@seed_option
@scheduler_options
@data_root_option
@cache_root_option
@json_option
def pretrain(  # noqa: PLR0913 - one parameter an option
    *,
    suite: str | None,
    executor: Literal["local", "dask"],
    scheduler: str | None,
    data_root: Path | None,
    cache_root: Path,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Pretrain methods and keep their checkpoints, without searching.

    SUITE is the name of a suite or a TOML file; without it, the options say what to pretrain.

    harness run does this by itself where a checkpoint is missing. One that was made on another
    machine is handed to it with --checkpoint. After a crash or Ctrl-C the same command goes on
    where this one stopped. With --executor dask, workers learn the tasks of each meta-epoch.
    """
    plugins = loaded_plugins()
    entries = entries_of(plugins, suite, given(wanted))
    request = DataRequest(data_root, cache_root, say)
    planner = Planner(plugins, request)
    with executor_of(Spread(None, executor, scheduler), plugins) as elsewhere:
        if elsewhere is not None:
            planner.choose_mode = elsewhere.choose_mode
        trials = planner.trials(entries)
        offline = OfflineStage(plugins, data_root, cache_root)
        learner = elsewhere.learner if elsewhere else None
        with terminate_as_interrupt(), progress_on_stderr(len(trials)) as progress:
            results = pretrain_all(offline, trials, progress, learner)
    _show(results, as_json=as_json)
    if planner.passed_over or any(result.error for result in results):
        raise SystemExit(EXIT_SOME_FAILED)


def _show(results: list[Pretrained], *, as_json: bool) -> None:
    if as_json:
        print_json([result.to_json() for result in results])
        return
    headings = ["method", "data", "meta-epochs", "val loss", "val accuracy %", "s", "checkpoint"]
    print_table(headings, [_cells(result) for result in results])


def _cells(result: Pretrained) -> list[str]:
    name = [result.pretraining.method.name, f"{result.pretraining.dataset.name} {result.ways}"]
    if result.error:
        return [*name, f"error: {result.error}", "", "", "", ""]
    if result.progress is None:
        return [*name, "is not pretrained", "", "", "", ""]
    curve = result.progress.curve
    last = (f"{curve[-1].loss:.3f}", f"{curve[-1].accuracy:.1f}") if curve else ("–", "–")
    done, seconds = result.progress.meta_epochs, result.progress.seconds
    return [*name, f"{done:,}", *last, f"{seconds:,.0f}", str(result.path)]
