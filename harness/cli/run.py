"""`harness run`: trials side by side, and the table that compares them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import click

from harness.api.progress import interruptible_progress
from harness.cli.options import (
    Names,
    UserPath,
    budget_option,
    cache_root_option,
    data_root_option,
    dataset_map_option,
    dataset_option,
    device_option,
    evaluation_option,
    executor_options,
    given,
    json_option,
    limits_option,
    memory_option,
    method_option,
    mode_option,
    objective_option,
    output_option,
    queries_option,
    recipe_option,
    seed_option,
    shared_classes_option,
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
    say_interrupted,
)
from harness.errors import HarnessError
from harness.executors.base import ExecutorOptions
from harness.plugins.loading import Plugins
from harness.reports.cells import side_by_side
from harness.reports.terminal import print_tables
from harness.reports.trial_tables import run_table
from harness.results.summary import rows_of_records
from harness.trials.runner import RunRequest, RunResult, run_trials

__all__ = ["run"]

EXIT_SOME_FAILED = 1


@click.command(
    epilog=examples(
        "harness run --method onnas --device jetson",
        "harness run -m onnas -m darts --dataset omniglot --ways 5 --shots 1 --seed 0-2",
        "harness run table2 -d jetson -o results/table2-jetson",
    )
)
@click.argument("suite", required=False)
@method_option
@device_option
@mode_option
@dataset_option
@dataset_map_option
@ways_option
@shots_option
@queries_option
@evaluation_option
@recipe_option
@space_option
@objective_option
@limits_option
@budget_option
@shared_classes_option
@seed_option
@memory_option
@output_option(
    "The run folder.  [default: one under results/]",
    UserPath(file_okay=False),
    envvar="HARNESS_OUTPUT",
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
    type=UserPath(dir_okay=False),
    help="A checkpoint that `harness pretrain` made, perhaps on another machine; can be repeated.",
)
@click.option(
    "--reporter",
    "reporters",
    multiple=True,
    type=Names(),
    envvar="HARNESS_REPORTER",
    help="A reporter that receives each step, such as csv, tensorboard or mlflow; can be repeated.",
)
@click.option(
    "--save-models",
    "saves_models",
    is_flag=True,
    help="Keep the network that each trial was judged by, as TRIAL/model, for `harness predict`.",
)
@click.option(
    "--show-images",
    "shows_images",
    is_flag=True,
    help="Keep eight judged images of each trial for its page, even of photos of your own; without "
    "it only where the data set lets its images be shown.",
)
@executor_options(
    "Trials to run side by side on this machine; they share its cores, so each "
    "takes longer.  [default: 1]"
)
@click.option(
    "--page/--no-page",
    "writes_page",
    default=True,
    show_default=True,
    envvar="HARNESS_PAGE",
    help="Write the run folder's page, report.html, at the end.",
)
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
    saves_models: bool,
    shows_images: bool,
    writes_page: bool,
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
    request = RunRequest(
        suite=suite,
        wanted=given(wanted),
        dataset_map=dataset_map,
        output=output,
        resume=resume,
        executor=ExecutorOptions(jobs, executor, scheduler),
        checkpoints=checkpoints,
        reporters=reporters,
        saves_models=saves_models,
        shows_images=shows_images,
        data_root=data_root,
        cache_root=cache_root,
    )
    plugins = loaded_plugins()
    result = run_trials(plugins, request, interruptible_progress, say)
    _show(result, plugins, as_json=as_json)
    if writes_page and result.records:
        _write_page(result, plugins)
    _exit(result)


def _write_page(result: RunResult, plugins: Plugins) -> None:
    """Write the page of a run, and name it; a run is no worse for want of one."""
    from harness.reports.delivery import write_page_of  # noqa: PLC0415 - slow, for pages alone

    try:
        path = write_page_of(result.folder, plugins)
    except HarnessError as error:
        say(f"Warning: the page was not written: {error}")
    else:
        say(f"The page is {path}; harness view {result.folder} serves it.")


def _show(result: RunResult, plugins: Plugins, *, as_json: bool) -> None:
    rows = rows_of_records(result.records, metrics=plugins.metrics)
    if as_json:
        answer = {
            "run_folder": str(result.folder),
            "interrupted": result.interrupted,
            "finished_earlier": result.skipped,
            "passed_over": result.passed_over,
            "startup_s": result.startup_s,
            "rows": [row.to_json() for row in rows],
            "trials": [record.model_dump(mode="json", by_alias=True) for record in result.records],
        }
        print_json(answer)
        return
    from harness.comparison.findings import findings_of_rows  # noqa: PLC0415 - imports scipy

    for sentence in findings_of_rows(rows):
        click.echo(sentence)
    print_tables([run_table(rows, plugins.controls)], result_console())
    for remark in side_by_side(result.records) if result.records else ():
        click.echo(remark)
    for method, reason in result.passed_over.items():
        click.echo(f"Not run: method {method}: {reason}")
    for remark in result.without_model:
        click.echo(f"No model: {remark}")
    click.echo(f"Records are in {result.folder}")


def _exit(result: RunResult) -> None:
    if result.interrupted:
        raise SystemExit(say_interrupted())
    if result.has_failed:
        raise SystemExit(EXIT_SOME_FAILED)
