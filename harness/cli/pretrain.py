"""`harness pretrain`: pretraining alone, perhaps on a faster machine than the trials."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import click

from harness.api.progress import interruptible_progress
from harness.cli.options import (
    budget_option,
    cache_root_option,
    data_root_option,
    dataset_option,
    device_option,
    executor_options,
    given,
    json_option,
    method_option,
    mode_option,
    recipe_option,
    seed_option,
    shared_classes_option,
    space_option,
    ways_option,
)
from harness.cli.output import examples, loaded_plugins, print_json, print_table, say
from harness.executors.base import ExecutorOptions
from harness.pretraining.pretrain import Pretrained, PretrainRequest
from harness.pretraining.pretrain import pretrain as pretrain_methods

__all__ = ["pretrain"]

EXIT_SOME_FAILED = 1


@click.command(
    epilog=examples("harness pretrain -m onnas --dataset omniglot --ways 5 --budget medium")
)
@click.argument("suite", required=False)
@method_option
@device_option
@mode_option
@dataset_option
@ways_option
@recipe_option
@space_option
@budget_option
@shared_classes_option
@seed_option
@executor_options(
    "Large pretrainings side by side on this machine; small ones always are.  [default: 1]"
)
@data_root_option
@cache_root_option
@json_option
def pretrain(  # noqa: PLR0913 - one parameter an option
    *,
    suite: str | None,
    jobs: int | None,
    executor: Literal["local", "dask"],
    scheduler: str | None,
    data_root: Path | None,
    cache_root: Path,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Pretrain methods and keep their checkpoints, without searching.

    SUITE is the name of a suite or a TOML file; without it, the options say what to pretrain.

    `harness run` does this by itself where a checkpoint is missing; hand it one made on another
    machine with --checkpoint. After a crash or Ctrl-C, the same command continues where it
    stopped. With --executor dask, workers learn the tasks of each meta-epoch.
    """
    request = PretrainRequest(
        suite=suite,
        wanted=given(wanted),
        executor=ExecutorOptions(jobs, executor, scheduler),
        data_root=data_root,
        cache_root=cache_root,
    )
    result = pretrain_methods(loaded_plugins(), request, interruptible_progress, say)
    _show(result.pretrained, as_json=as_json)
    if result.passed_over or any(each.error for each in result.pretrained):
        raise SystemExit(EXIT_SOME_FAILED)


def _show(results: Sequence[Pretrained], *, as_json: bool) -> None:
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
