"""Does the pretraining of many trials, without running them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.experiment.pretraining import Pretraining
from harness.experiment.trial import Trial
from harness.pretraining.checkpoint import Progress, find_checkpoint
from harness.pretraining.meta_task_request import TaskLearner
from harness.pretraining.store import OfflineStage, PretrainingFailedError, PretrainingListener
from harness.runtime.process import TrialProcesses

__all__ = ["Pretrained", "pretrain_all"]


@dataclass(frozen=True)
class Pretrained:
    """What came of one pretraining."""

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


def pretrain_all(
    offline: OfflineStage,
    trials: Sequence[Trial],
    listener: PretrainingListener,
    learner: TaskLearner | None = None,
) -> list[Pretrained]:
    """Make each checkpoint that the trials start from, unless it is there.

    Args:
        offline: keeps them.
        trials: start from them.
        listener: is told what happens.
        learner: has their tasks learned elsewhere.

    Raises:
        HarnessError: the learner cannot have them learned.
        UsageError: none of them starts from one.
    """
    wanted = {
        pretraining.key: (pretraining, trial)
        for trial in trials
        if (pretraining := offline.identify(trial)) is not None
    }
    if not wanted:
        raise UsageError(
            "there is nothing to pretrain: full tasks are searched from scratch, and few-shot "
            "tasks too with a budget of meta_epochs=0"
        )
    processes = TrialProcesses()
    processes.warm_up()
    offline.make_all(trials, processes, listener, learner)
    return [_result(offline, *each) for each in wanted.values()]


def _result(offline: OfflineStage, pretraining: Pretraining, trial: Trial) -> Pretrained:
    try:
        start = offline.start(trial)
    except PretrainingFailedError as failure:
        return Pretrained(pretraining, error=str(failure))
    if start.checkpoint is None:
        return Pretrained(pretraining)
    found = find_checkpoint(start.checkpoint, pretraining)
    return Pretrained(pretraining, start.checkpoint, found.progress if found else None)
