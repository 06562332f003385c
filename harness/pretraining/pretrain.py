"""Pretrains methods without running their trials, as `harness pretrain` does."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.executors.base import ExecutorOptions, open_executor
from harness.experiment.pretraining import Pretraining
from harness.experiment.trial import Trial
from harness.planning.plan import PlanRequest
from harness.plugins.loading import Plugins
from harness.pretraining.checkpoint import Progress, find_checkpoint
from harness.pretraining.launcher import PretrainingListener
from harness.pretraining.store import CheckpointStore, PretrainingFailedError
from harness.runtime.meta_tasks import MetaTaskExecutor
from harness.runtime.process import ProcessLauncher

__all__ = ["PretrainRequest", "PretrainResult", "Pretrained", "pretrain", "pretrain_all"]


@dataclass(frozen=True)
class Pretrained:
    """The result of one pretraining."""

    pretraining: Pretraining
    path: Path | None = None  # None: the method is not pretrained, or it failed
    progress: Progress | None = None
    error: str | None = None

    @property
    def ways(self) -> str:
        """The setting, as the field writes it."""
        return f"{self.pretraining.ways}-way"

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "key": self.pretraining.key,
            "pretraining": self.pretraining.model_dump(mode="json"),
            "checkpoint": None if self.path is None else str(self.path),
            "progress": None if self.progress is None else self.progress.model_dump(mode="json"),
            "error": self.error,
        }


@dataclass(frozen=True, kw_only=True)
class PretrainRequest(PlanRequest):
    """What to pretrain, and where.

    Attributes:
        executor: where it is done.
    """

    executor: ExecutorOptions = field(default_factory=ExecutorOptions)


@dataclass(frozen=True)
class PretrainResult:
    """The result of each pretraining, and the methods left out because of a faulty plugin."""

    pretrained: Sequence[Pretrained]
    passed_over: Mapping[str, str]


def pretrain(
    plugins: Plugins,
    request: PretrainRequest,
    progress: Callable[[int], AbstractContextManager[PretrainingListener]],
    say: Callable[[str], None],
) -> PretrainResult:
    """Make each checkpoint that is asked for, unless it is there.

    Args:
        plugins: where names are looked up.
        request: what to pretrain.
        progress: makes a context manager from the number of trials, which gives a listener.
        say: reports sentences to the person while trials are planned.

    Raises:
        HarnessError: something that was asked for is wrong, or cannot be learned elsewhere.
        KeyboardInterrupt: Ctrl-C; what has been done is kept.
    """
    resolved = request.resolve(plugins)
    with open_executor(request.executor, plugins) as executor:
        plan = resolved.plan(executor.mode_of, say)
        store = CheckpointStore(plugins, request.data_root, request.cache_root)
        jobs, meta_tasks = executor.jobs, executor.meta_tasks
        with progress(len(plan.trials)) as listener:
            made = pretrain_all(store, plan.trials, listener, jobs=jobs, meta_tasks=meta_tasks)
    return PretrainResult(made, plan.origin.passed_over)


def pretrain_all(
    store: CheckpointStore,
    trials: Sequence[Trial],
    listener: PretrainingListener,
    *,
    jobs: int = 1,
    meta_tasks: MetaTaskExecutor | None = None,
) -> list[Pretrained]:
    """Make each checkpoint that the trials start from, unless it is there.

    Args:
        store: keeps the checkpoints.
        trials: those that start from them.
        listener: follows the progress.
        jobs: how many large pretrainings are made side by side.
        meta_tasks: has tasks learned elsewhere.

    Raises:
        HarnessError: the tasks cannot be learned elsewhere.
        UsageError: none of them starts from one.
    """
    wanted = {
        pretraining.key: (pretraining, trial)
        for trial in trials
        if (pretraining := store.identify(trial)) is not None
    }
    if not wanted:
        raise UsageError(
            "there is nothing to pretrain: full tasks are searched from scratch, and few-shot "
            "tasks too with a budget of meta_epochs=0"
        )
    processes = ProcessLauncher()
    processes.warm_up()
    store.make_all(trials, processes, listener, jobs=jobs, meta_tasks=meta_tasks)
    return [_result(store, *each) for each in wanted.values()]


def _result(store: CheckpointStore, pretraining: Pretraining, trial: Trial) -> Pretrained:
    try:
        start = store.start(trial)
    except PretrainingFailedError as failure:
        return Pretrained(pretraining, error=str(failure))
    if start.checkpoint is None:
        return Pretrained(pretraining)
    found = find_checkpoint(start.checkpoint, pretraining)
    return Pretrained(pretraining, start.checkpoint, found.progress if found else None)
