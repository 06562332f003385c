"""Makes one checkpoint: in one process, in a team of them, or with others that learn its tasks."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.experiment.pretraining import Pretraining
from harness.experiment.trial import DeviceIdentity, Trial
from harness.plugins.loading import Plugins
from harness.pretraining.meta_task_request import LessonFailedError, TaskLearner
from harness.pretraining.process_group import Place, TeamLostError
from harness.pretraining.remote_tasks import Elsewhere, serve
from harness.results.record import Outcome
from harness.runtime.job import PretrainingJob
from harness.runtime.process import TrialProcesses
from harness.trials.factory import make_device, open_device

__all__ = ["CheckpointMaker", "PretrainingListener"]

OnEvent = Callable[[dict[str, Any]], None]


class PretrainingListener(Protocol):
    """Is told what happens offline."""

    def pretraining_started(self, pretraining: Pretraining, done: int) -> None:
        """There is no checkpoint: it is being made; `done` meta-epochs were, before a kill."""

    def pretraining_progressed(self, pretraining: Pretraining, event: dict[str, Any]) -> None:
        """A meta-epoch is done."""

    def said(self, sentence: str) -> None:
        """Something worth a line."""


@dataclass(frozen=True)
class CheckpointMaker:
    """Runs pretrainings in processes of their own.

    Attributes:
        size: how many processes share the tasks of one pretraining, at most one a task.
        learner: has tasks learned elsewhere, where the trials will run; a process that has no task
            to learn does the rest here.
    """

    plugins: Plugins
    data_root: Path | None
    cache_root: Path
    processes: TrialProcesses
    size: int
    learner: TaskLearner | None = None

    def make(
        self, pretraining: Pretraining, trial: Trial, path: Path, listener: PretrainingListener
    ) -> Outcome:
        """Make the checkpoint that `trial` needs, at `path`.

        Returns:
            What became of it; if a process of a team failed, of that one.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        job = PretrainingJob(
            pretraining=pretraining,
            params=trial.method.params,
            torch_device=self._torch_device(trial.device),
            checkpoint=path,
            data_root=self.data_root,
            cache_root=self.cache_root,
        )

        def on_event(event: dict[str, Any]) -> None:
            if event["event"] == "pretraining":
                listener.pretraining_started(pretraining, event["meta_epoch"])
            else:
                listener.pretraining_progressed(pretraining, event)

        learner = self._learner(trial.device)
        if learner is None:
            return self._together(job, on_event)
        with ThreadPoolExecutor(max_workers=1) as pool:
            ours, theirs = self.processes.pipe()
            serving = pool.submit(serve, ours, learner, job, trial.device, listener.said)
            return self._with_others(job, on_event, Elsewhere(0, 1, asking=theirs), serving)

    def _learner(self, device: DeviceIdentity) -> TaskLearner | None:
        """Return who learns elsewhere; a board has not the memory, it is for searches alone."""
        memory = device.profile.memory
        is_board = memory is not None and memory.system_bytes > 0  # which share it
        return None if is_board and device.mode == "measured" else self.learner

    def _torch_device(self, identity: DeviceIdentity) -> str:
        """Name what computes here; the device itself may only be elsewhere.

        Raises:
            NotAtHandError: trials run here, too, and the device was to be measured.
        """
        make = make_device if self.learner else open_device
        return make(self.plugins, identity).torch_device()

    def _together(self, job: PretrainingJob, on_event: OnEvent) -> Outcome:
        def run(place: Place) -> Outcome:
            told = on_event if place.leads else _ignore
            return self.processes.run(job, _log_of(job), told, place)

        places = self.processes.team(min(self.size, job.pretraining.budget.meta_tasks))
        with ThreadPoolExecutor(max_workers=len(places)) as pool:
            return _the_telling(list(pool.map(run, places)))

    def _with_others(
        self, job: PretrainingJob, on_event: OnEvent, place: Elsewhere, serving: Future[None]
    ) -> Outcome:
        """Run the process that others learn tasks for; a failure of theirs tells more than its."""
        try:
            outcome = self.processes.run(job, _log_of(job), on_event, place)
        finally:
            place.close()  # if the process did not even start; now `serving` ends
        try:
            serving.result()
        except LessonFailedError as failure:
            with _log_of(job).open("a", encoding="utf-8") as log:
                log.write(failure.log)
            return failure.outcome
        return outcome


def _log_of(job: PretrainingJob) -> Path:
    return job.checkpoint.with_suffix(".log")


def _the_telling(outcomes: list[Outcome]) -> Outcome:
    """Return the leader's outcome, or that of a process which did not only miss another."""
    failed = [each for each in outcomes if each.error is not None]
    own = [each for each in failed if each.error and each.error.type != TeamLostError.__name__]
    return (own or failed or outcomes)[0]


def _ignore(_: dict[str, Any]) -> None:
    """Pass over an event: the leader tells of the team."""
