"""`harness run`: trials side by side, and the table that compares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from harness.cli.options import cache_root_option, data_root_option, json_option
from harness.cli.output import loaded_plugins, print_json
from harness.cli.progress import progress_on_stderr
from harness.cli.selecting import (
    budget_option,
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
from harness.cli.table import print_rows
from harness.contracts import DataRequest
from harness.experiment.trial import Trial
from harness.plugins.loading import Plugins
from harness.report.summary import summarise
from harness.runner.destination import choose_folder
from harness.runner.offline import OfflineStage
from harness.runner.plan import Planner
from harness.runner.run import Runner, RunResult
from harness.runner.run_folder import RunFolder
from harness.runner.suites import entries_of

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
@data_root_option
@cache_root_option
@json_option
def run(  # noqa: PLR0913 - one parameter an option
    *,
    suite: str | None,
    output: Path | None,
    resume: bool,
    checkpoints: tuple[Path, ...],
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
    entries = entries_of(plugins, suite, given(wanted))
    request = DataRequest(data_root=data_root, cache_root=cache_root, report=_say)
    trials = Planner(plugins, request).trials(entries)
    offline = OfflineStage(plugins, data_root, cache_root)
    offline.take(checkpoints, trials)
    name = Path(suite).stem if suite else f"{entries[0].datasets[0]}-{entries[0].budget}"
    folder = RunFolder(choose_folder(output, trials, name=name, resume=resume))
    result = _execute(plugins, folder, trials, offline)
    _show(result, folder, as_json=as_json)
    _exit(result)


def _execute(
    plugins: Plugins, folder: RunFolder, trials: list[Trial], offline: OfflineStage
) -> RunResult:
    with folder.locked(), terminate_as_interrupt(), progress_on_stderr(len(trials)) as progress:
        return Runner(plugins, folder, progress, offline).run(trials)


def _show(result: RunResult, folder: RunFolder, *, as_json: bool) -> None:
    rows = summarise(result.records)
    if as_json:
        answer = {
            "run_folder": str(folder.path),
            "interrupted": result.interrupted,
            "finished_earlier": result.skipped,
            "startup_s": result.startup_s,
            "rows": [row.to_json() for row in rows],
            "trials": [record.model_dump(mode="json", by_alias=True) for record in result.records],
        }
        print_json(answer)
        return
    # A pipe has no width: rows are not folded there.
    console = Console()
    print_rows(rows, console if console.is_terminal else Console(width=200))
    click.echo(f"Records are in {folder.path}")


def _exit(result: RunResult) -> None:
    if result.interrupted:
        _say("Interrupted; the same command goes on where this one stopped.")
        raise SystemExit(EXIT_INTERRUPTED)
    if any(record.status not in FINE for record in result.records):
        raise SystemExit(EXIT_SOME_FAILED)


def _say(sentence: str) -> None:
    click.echo(sentence, err=True)
