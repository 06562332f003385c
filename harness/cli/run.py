"""`harness run`: trials side by side, and the table that compares them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import click

from harness.cli.options import cache_root_option, data_root_option, json_option
from harness.cli.output import loaded_plugins, print_json, result_console, say
from harness.cli.progress import progress_on_stderr
from harness.cli.selecting import (
    budget_option,
    dataset_map_option,
    dataset_option,
    device_option,
    given,
    memory_option,
    method_option,
    mode_option,
    queries_option,
    seed_option,
    shots_option,
    ways_option,
)
from harness.cli.signals import terminate_as_interrupt
from harness.cli.spreading import Spread, executor_of, spreading_options
from harness.cli.table import print_rows
from harness.contracts import DataRequest
from harness.experiment.trial import Trial
from harness.planning.dataset_map import read_dataset_map, with_stand_ins
from harness.planning.destination import choose_folder
from harness.planning.origin import Origin
from harness.planning.planner import Planner
from harness.planning.run_directory import RunFolder
from harness.planning.suites import entries_of
from harness.plugins.lifecycle import make_reporters, reporting
from harness.pretraining.store import OfflineStage
from harness.report.remarks import side_by_side
from harness.results.summary import summarise
from harness.trials.runner import Runner, RunResult

__all__ = ["run"]

EXIT_SOME_FAILED = 1
EXIT_INTERRUPTED = 130

# Not to fit the device is a result, not a failure.
FINE = {"ok", "out_of_memory"}


@click.command()
@click.argument("suite", required=False)
@method_option
@device_option
@mode_option
@dataset_option
@dataset_map_option
@ways_option
@shots_option
@queries_option
@budget_option
@seed_option
@memory_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="HARNESS_OUTPUT",
    help="The run folder.  [default: one under results/]",
)
@click.option(
    "--resume/--no-resume",
    default=True,
    show_default=True,
    help="Keep finished trials and run the rest; or run all in a new folder.",
)
@click.option(
    "--checkpoint",
    "checkpoints",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file that `harness pretrain` has left, say on another machine; can be repeated.",
)
@click.option(
    "--reporter",
    "reporters",
    multiple=True,
    envvar="HARNESS_REPORTER",
    help="A reporter that is told of each step, such as csv, tensorboard or mlflow; can be "
    "repeated.",
)
@spreading_options
@data_root_option
@cache_root_option
@json_option
def run(  # noqa: PLR0913 - one parameter an option
    *,
    suite: str | None,
    dataset_map: tuple[str, ...],
    output: Path | None,
    resume: bool,
    jobs: int | None,
    executor: Literal["local", "dask"],
    scheduler: str | None,
    checkpoints: tuple[Path, ...],
    reporters: tuple[str, ...],
    data_root: Path | None,
    cache_root: Path,
    as_json: bool,
    **wanted: Any,
) -> None:
    """Run trials and compare their memory, accuracy and time.

    SUITE is the name of a suite or a TOML file; without it, the options say what to run. Options
    replace what a suite says.

    Every method meets the same images in the same order under the same budget. A device that is
    not this machine is emulated, and its numbers are marked.
    """
    plugins = loaded_plugins()
    told = make_reporters(plugins, reporters)
    stand_ins = read_dataset_map(plugins, dataset_map)
    entries = with_stand_ins(entries_of(plugins, suite, given(wanted)), stand_ins)
    request = DataRequest(data_root=data_root, cache_root=cache_root, report=say)
    with executor_of(Spread(jobs, executor, scheduler), plugins) as elsewhere:
        planner = Planner(plugins, request)
        if elsewhere is not None:
            planner.choose_mode = elsewhere.choose_mode
        trials = planner.trials(entries)
        offline = OfflineStage(plugins, data_root, cache_root)
        offline.take(checkpoints, trials)
        name = Path(suite).stem if suite else f"{entries[0].datasets[0]}-{entries[0].budget}"
        folder = RunFolder(choose_folder(output, trials, name=name, resume=resume))
        with progress_on_stderr(len(trials)) as progress:
            runner = Runner(plugins, folder, progress, offline, elsewhere)
            result = _execute(runner, trials, Origin(suite, stand_ins, planner.passed_over), told)
    _show(result, folder, planner.passed_over, as_json=as_json)
    _exit(result, planner.passed_over)


def _execute(
    runner: Runner, trials: list[Trial], origin: Origin, reporters: Mapping[str, object]
) -> RunResult:
    told = reporting(runner.plugins, reporters, runner.folder.path)
    with runner.folder.locked(), terminate_as_interrupt(), told:
        return runner.run(trials, origin)


def _show(
    result: RunResult, folder: RunFolder, passed_over: Mapping[str, str], *, as_json: bool
) -> None:
    rows = summarise(result.records)
    if as_json:
        answer = {
            "run_folder": str(folder.path),
            "interrupted": result.interrupted,
            "finished_earlier": result.skipped,
            "passed_over": passed_over,
            "startup_s": result.startup_s,
            "rows": [row.to_json() for row in rows],
            "trials": [record.model_dump(mode="json", by_alias=True) for record in result.records],
        }
        print_json(answer)
        return
    print_rows(rows, result_console())
    for remark in side_by_side(result.records) if result.records else ():
        click.echo(remark)
    for method, reason in passed_over.items():
        click.echo(f"Not run: method {method}: {reason}")
    click.echo(f"Records are in {folder.path}")


def _exit(result: RunResult, passed_over: Mapping[str, str]) -> None:
    if result.interrupted:
        say("Interrupted; the same command goes on where this one stopped.")
        raise SystemExit(EXIT_INTERRUPTED)
    if passed_over or any(record.status not in FINE for record in result.records):
        raise SystemExit(EXIT_SOME_FAILED)
