"""The calls that pretrain and run, and that load, compare and report what runs have left."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.api.arguments import (
    Names,
    Seeds,
    listeners,
    path_of,
    plugins_here,
    request_fields,
    seeds_text,
)
from harness.errors import UsageError

if TYPE_CHECKING:
    from pandas import DataFrame

    from harness.comparison.result import ResultsComparison
    from harness.plugins.loading import Plugins
    from harness.pretraining.pretrain import PretrainResult
    from harness.results.results import Results

__all__ = ["RunResults", "compare", "load", "pretrain", "report", "run"]


class RunResults:
    """What runs, estimates and benchmarks have left in folders."""

    def __init__(self, results: Results, folders: Sequence[Path], *, interrupted: bool = False):
        """Wrap what was loaded from `folders`."""
        self.results, self.folders, self.interrupted = results, tuple(folders), interrupted

    def frame(self) -> DataFrame:
        """Return a tidy table, a row for each number of each trial.

        Its columns are method, dataset, setting, device, mode, seed, metric, value, unit, source.
        """
        return self.results.frame()

    def report(self, path: str | Path) -> Path:
        """Write a report and return its path; see `harness.report`."""
        # Imported here, as whatever a result may never be asked for.
        from harness.plugins.loading import load_plugins  # noqa: PLC0415 - see above
        from harness.reports.delivery import (  # noqa: PLC0415 - see above
            SUFFIXES,
            report_of,
            write_report,
        )

        target = path_of(path)
        formats = {suffix: name for name, suffix in SUFFIXES.items()}
        if target.suffix not in formats:
            raise UsageError(
                f"'{target.name}' does not name a format for a report; it must end in "
                f"{', '.join(sorted(formats))}"
            )
        report = report_of(load_plugins(), self.results, self.folders)
        write_report(report, {formats[target.suffix]: target}, lambda _: None)
        return target

    def compare(self, other: RunResults) -> ResultsComparison:
        """Compare these results (A) with others (B); see `harness.compare`."""
        from harness.comparison.result import compare  # noqa: PLC0415 - as above

        return compare(self.results, other.results)

    def __repr__(self) -> str:
        """Say where they are, and how many."""
        folders = ", ".join(map(str, self.folders))
        return f"RunResults({len(self.results.trials)} trials in {folders})"

    def _repr_html_(self) -> str:
        return self.results._repr_html_()


def run(  # noqa: PLR0913 - they mirror the flags of `harness run`
    methods: Names | None = None,
    *,
    suite: str | Path | None = None,
    dataset: Names | None = None,
    ways: int | None = None,
    shots: int | None = None,
    queries: int | None = None,
    evaluation: Literal["inductive", "transductive", "both"] | None = None,
    recipe: str | None = None,
    space: str | None = None,
    objective: str | None = None,
    limits: str | None = None,
    device: Names | None = None,
    mode: Literal["measured", "emulated"] | None = None,
    budget: str | None = None,
    seeds: Seeds | None = None,
    jobs: int | None = None,
    count_memory: bool | None = None,
    allow_shared_classes: bool = False,
    output: str | Path | None = None,
    resume: bool = True,
    data_root: str | Path | None = None,
    cache_root: str | Path | None = None,
    progress: bool = True,
    save_models: bool = False,
    show_images: bool = False,
) -> RunResults:
    """Run trials, each in a process of its own, and return what their run folder then has.

    The same call again runs only what is missing.

    Args:
        methods: such as `"onnas"` or `["onnas[q=1]", "darts"]`; a suite may name them.
        suite: the name of a suite, or a TOML file; the other arguments replace what it says.
        dataset: one or several data sets; `glyphs` needs no files.
        ways: classes of an episode.
        shots: support images a class.
        queries: query images a class.
        evaluation: how query images are judged.
        recipe: `key=value` pairs of how every method trains, see docs/protocol.md.
        space: the search space.
        objective: what a search of a table is to find, such as `"accuracy,latency"`.
        limits: what its answer may not exceed, such as `"latency=20"`.
        device: one or several devices to run on or emulate.
        mode: insists on the device itself, or on its emulation.
        budget: a name, `key=value` pairs, or both.
        seeds: a number, a range, or text such as `"0-2"`.
        jobs: trials side by side.
        count_memory: False leaves memory out of a measurement of time.
        allow_shared_classes: whether to pretrain even on classes or images that are tested, which
            the records then say.
        output: the run folder; by default one under `results/`.
        resume: whether finished trials of the folder are kept.
        data_root: where data sets are; by default what `HARNESS_DATA` says.
        cache_root: where decoded images and checkpoints are kept.
        progress: whether progress is shown on standard error.
        save_models: whether the network that each trial was judged by is kept in its folder.
        show_images: whether eight judged images of each trial are kept for its page even where the
            data set does not let them be shown, such as photos of your own.

    Raises:
        UsageError: what was asked for makes no sense; the message says what would.
        DataError: images are missing or unreadable.
    """
    from harness.executors.base import ExecutorOptions  # noqa: PLC0415 - see the module
    from harness.trials.runner import RunRequest, run_trials  # noqa: PLC0415 - see the module

    asked = request_fields(
        suite, data_root, cache_root,
        methods=methods, datasets=dataset, devices=device, ways=ways, shots=shots, queries=queries,
        evaluation=evaluation, recipe=recipe, space=space, objective=objective, limits=limits,
        mode=mode, budget=budget, seeds=seeds_text(seeds), counts_memory=count_memory,
        allow_shared_classes=allow_shared_classes or None,
    )  # fmt: skip
    request = RunRequest(
        **asked,
        output=None if output is None else path_of(output),
        resume=resume,
        executor=ExecutorOptions(jobs),
        saves_models=save_models,
        shows_images=show_images,
    )
    plugins = plugins_here()
    result = run_trials(plugins, request, *listeners(progress=progress))
    folders = [result.folder]
    return RunResults(_loaded(plugins, folders), folders, interrupted=result.interrupted)


def pretrain(  # noqa: PLR0913 - they mirror the flags of `harness pretrain`
    methods: Names | None = None,
    *,
    suite: str | Path | None = None,
    dataset: Names | None = None,
    ways: int | None = None,
    recipe: str | None = None,
    space: str | None = None,
    device: Names | None = None,
    mode: Literal["measured", "emulated"] | None = None,
    budget: str | None = None,
    seeds: Seeds | None = None,
    jobs: int | None = None,
    allow_shared_classes: bool = False,
    data_root: str | Path | None = None,
    cache_root: str | Path | None = None,
    progress: bool = True,
) -> PretrainResult:
    """Pretrain methods and keep their checkpoints, without searching; `run` takes these then.

    Args:
        jobs: large pretrainings side by side.

    The other arguments are those of `run`. One that fails fails alone: its `error` says why.

    Raises:
        UsageError: what was asked for makes no sense, or there is nothing to pretrain.
        DataError: images are missing or unreadable.
    """
    from harness.executors.base import ExecutorOptions  # noqa: PLC0415 - see the module
    from harness.pretraining.pretrain import (  # noqa: PLC0415 - see the module
        PretrainRequest,
        pretrain,
    )

    asked = request_fields(
        suite, data_root, cache_root,
        methods=methods, datasets=dataset, devices=device, ways=ways, recipe=recipe, space=space,
        mode=mode, budget=budget, seeds=seeds_text(seeds),
        allow_shared_classes=allow_shared_classes or None,
    )  # fmt: skip
    request = PretrainRequest(**asked, executor=ExecutorOptions(jobs))
    return pretrain(plugins_here(), request, *listeners(progress=progress))


def load(*paths: str | Path) -> RunResults:
    """Load what runs, estimates and benchmarks have left in folders, however old.

    Raises:
        UsageError: there is no such folder.
    """
    folders = [path_of(path) for path in paths]
    if not folders:
        raise UsageError("load needs at least one folder")
    return RunResults(_loaded(plugins_here(), folders), folders)


def compare(a: RunResults, b: RunResults) -> ResultsComparison:
    """Say for each metric of each pair of rows whether B is better or worse than A, or neither."""
    return a.compare(b)


def report(results: RunResults, path: str | Path) -> Path:
    """Write a report of results, beside published numbers where their suites have them.

    Args:
        results: what was run or loaded.
        path: its suffix says the format: `.html`, `.md`, `.csv` or `.tex`.

    Raises:
        UsageError: the suffix is of no format.
        RunFolderError: it cannot be written.
    """
    return results.report(path)


def _loaded(plugins: Plugins, folders: Sequence[Path]) -> Results:
    from harness.results.load import load_results  # noqa: PLC0415 - see the module

    return load_results(folders, plugins.metrics)
