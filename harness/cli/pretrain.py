"""`harness pretrain`: the offline stage alone, for a machine that is fast, or a long night."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.cli.options import cache_root_option, data_root_option, json_option
from harness.cli.output import loaded_plugins, print_json, print_table
from harness.cli.progress import progress_on_stderr
from harness.cli.selecting import (
    budget_option,
    dataset_option,
    device_option,
    given,
    method_option,
    seed_option,
    ways_option,
)
from harness.cli.signals import terminate_as_interrupt
from harness.contracts import DataRequest
from harness.runner.offline import OfflineStage
from harness.runner.plan import Planner
from harness.runner.pretrain import Pretrained, pretrain_all
from harness.runner.suites import entries_of

__all__ = ["pretrain"]

EXIT_SOME_FAILED = 1


@click.command()
@click.argument("suite", required=False)
@method_option
@device_option
@dataset_option
@ways_option
@budget_option
@seed_option
@data_root_option
@cache_root_option
@json_option
def pretrain(
    *,
    suite: str | None,
    data_root: Path | None,
    cache_root: Path,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Pretrain methods and keep their checkpoints, without searching.

    SUITE is the name of a suite or a TOML file; without it, the options say what to pretrain.

    harness run does this by itself where a checkpoint is missing. One that was made on another
    machine is handed to it with --checkpoint. After a crash or Ctrl-C the same command goes on
    where this one stopped.
    """
    plugins = loaded_plugins()
    entries = entries_of(plugins, suite, given(wanted))
    request = DataRequest(data_root, cache_root, lambda sentence: click.echo(sentence, err=True))
    trials = Planner(plugins, request).trials(entries)
    offline = OfflineStage(plugins, data_root, cache_root)
    with terminate_as_interrupt(), progress_on_stderr(len(trials)) as progress:
        results = pretrain_all(offline, trials, progress)
    _show(results, as_json=as_json)
    if any(result.error for result in results):
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
