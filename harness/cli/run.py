"""`harness run`: trials side by side, and the table that compares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
from rich.console import Console

from harness.cli.options import cache_root_option, data_root_option, json_option
from harness.cli.output import loaded_plugins, print_json
from harness.cli.progress import progress_on_stderr
from harness.cli.signals import terminate_as_interrupt
from harness.cli.table import print_rows
from harness.contracts import DataRequest
from harness.experiment.trial import Trial
from harness.plugins.loading import Plugins
from harness.report.summary import summarise
from harness.runner.destination import choose_folder
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
@click.option(
    "-m",
    "--method",
    "methods",
    multiple=True,
    envvar="HARNESS_METHOD",
    help="A method, such as onnas or 'onnas[q=1]'; repeat it, or say all.",
)
@click.option(
    "-d",
    "--device",
    "devices",
    multiple=True,
    envvar="HARNESS_DEVICE",
    help="A device to run on or emulate; repeat it, or say all.  [default: cpu]",
)
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    envvar="HARNESS_DATASET",
    help="A data set; repeat it, or say all.  [default: glyphs]",
)
@click.option(
    "--ways",
    type=click.IntRange(min=1),
    envvar="HARNESS_WAYS",
    help="Classes of an episode.  [default: 5]",
)
@click.option(
    "--shots",
    type=click.IntRange(min=1),
    envvar="HARNESS_SHOTS",
    help="Support images a class.  [default: 1]",
)
@click.option(
    "--queries",
    type=click.IntRange(min=1),
    envvar="HARNESS_QUERIES",
    help="Query images a class.  [default: 15]",
)
@click.option(
    "--budget",
    envvar="HARNESS_BUDGET",
    help="A named budget, key=value pairs, or both: small,tasks=5.  [default: quick]",
)
@click.option(
    "--seed", "seeds", envvar="HARNESS_SEED", help="Seeds, such as 0-2 or 0,4.  [default: 0]"
)
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
@data_root_option
@cache_root_option
@json_option
def run(  # noqa: PLR0913 - one parameter an option
    *,
    suite: str | None,
    output: Path | None,
    resume: bool,
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
    entries = entries_of(plugins, suite, _given(wanted))
    request = DataRequest(data_root=data_root, cache_root=cache_root, report=_say)
    trials = Planner(plugins, request).trials(entries)
    name = Path(suite).stem if suite else f"{entries[0].datasets[0]}-{entries[0].budget}"
    folder = RunFolder(choose_folder(output, trials, name=name, resume=resume))
    result = _execute(plugins, folder, trials, data_root, cache_root)
    _show(result, folder, as_json=as_json)
    _exit(result)


def _given(wanted: dict[str, Any]) -> dict[str, Any]:
    """Keep the options that were given; repeated ones come as tuples."""
    return {
        name: list(value) if isinstance(value, tuple) else value
        for name, value in wanted.items()
        if value not in (None, ())
    }


def _execute(
    plugins: Plugins,
    folder: RunFolder,
    trials: list[Trial],
    data_root: Path | None,
    cache_root: Path,
) -> RunResult:
    with folder.locked(), terminate_as_interrupt(), progress_on_stderr(len(trials)) as progress:
        return Runner(plugins, folder, progress, data_root, cache_root).run(trials)


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
