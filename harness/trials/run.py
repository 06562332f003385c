"""Plans and runs what is asked for: all of `harness run` but its words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from harness.executors.base import ExecutorOptions, open_executor
from harness.planning.plan import PlanRequest
from harness.planning.run_directory import RunFolder, choose_folder
from harness.plugins.loading import Plugins
from harness.plugins.reporting import make_reporters, reporting
from harness.pretraining.store import CheckpointStore
from harness.trials.record_writer import RunListener
from harness.trials.runner import Runner, RunResult

__all__ = ["RunRequest", "run_trials"]


@dataclass(frozen=True, kw_only=True)
class RunRequest(PlanRequest):
    """What to run, and how.

    Attributes:
        output: the run folder; None: one under `results/`.
        resume: keep finished trials and run the rest; if not, run all in a new folder.
        executor: where the trials run.
        checkpoints: files that a pretraining has left elsewhere.
        reporters: plugins that are told of each step, such as `csv`.
    """

    output: Path | None = None
    resume: bool = True
    executor: ExecutorOptions = field(default_factory=ExecutorOptions)
    checkpoints: Sequence[Path] = ()
    reporters: Sequence[str] = ()


def run_trials(
    plugins: Plugins,
    request: RunRequest,
    progress: Callable[[int], AbstractContextManager[RunListener]],
    say: Callable[[str], None],
) -> RunResult:
    """Plan the trials that are asked for, run those without a final record, and return all records.

    Args:
        plugins: where names are looked up.
        request: what to run.
        progress: given the number of trials, encloses the run and is told what happens in it.
        say: is told what is worth a line while trials are planned.

    Raises:
        HarnessError: something that was asked for is wrong, or the run cannot go on; finished
            records stay.
        KeyboardInterrupt: Ctrl-C before the first trial; later the result says so.
    """
    reporters = make_reporters(plugins, request.reporters)
    resolved = request.resolve(plugins)
    with open_executor(request.executor, plugins) as executor:
        plan = resolved.plan(executor.mode_of, say)
        store = CheckpointStore(plugins, request.data_root, request.cache_root)
        store.take(request.checkpoints, plan.trials)
        output, resume = request.output, request.resume
        folder = RunFolder(choose_folder(output, plan.trials, name=plan.name, resume=resume))
        with progress(len(plan.trials)) as listener:
            runner = Runner(plugins, folder, listener, store, executor)
            with folder.locked(), reporting(plugins, reporters, folder.path):
                return runner.run(plan.trials, plan.origin)
