"""Makes one checkpoint: in one process, in a group of processes, or with workers elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.experiment.outcome import Outcome
from harness.experiment.pretraining import Pretraining
from harness.experiment.trial import DeviceIdentity, Trial
from harness.plugins.loading import Plugins
from harness.runtime.factory import make_device, open_device
from harness.runtime.job import PretrainingJob
from harness.runtime.meta_tasks import (
    MetaTaskExecutor,
    MetaTaskFailedError,
    RemoteClient,
    serve,
)
from harness.runtime.process import ProcessLauncher
from harness.runtime.process_group import ProcessGroup, ProcessGroupError

__all__ = ["PretrainingLauncher", "PretrainingListener"]

OnEvent = Callable[[dict[str, Any]], None]


class PretrainingListener(Protocol):
    """Follows the progress of pretrainings."""

    def pretraining_started(self, pretraining: Pretraining, done: int) -> None:
        """Take note that a checkpoint is being made; an earlier run has done `done` meta-epochs."""

    def pretraining_progressed(self, pretraining: Pretraining, event: dict[str, Any]) -> None:
        """Take note that a meta-epoch is done."""

    def said(self, sentence: str) -> None:
        """Take note of a sentence for the person."""


@dataclass(frozen=True)
class PretrainingLauncher:
    """Runs pretrainings in processes of their own.

    Attributes:
        world_size: how many processes share the tasks of one pretraining; never more than tasks.
        meta_tasks: has tasks learned where the trials will run; one process here does the rest.
    """

    plugins: Plugins
    data_root: Path | None
    cache_root: Path
    processes: ProcessLauncher
    world_size: int
    meta_tasks: MetaTaskExecutor | None = None

    def make(
        self, pretraining: Pretraining, trial: Trial, path: Path, listener: PretrainingListener
    ) -> Outcome:
        """Make the checkpoint that `trial` needs, at `path`.

        Returns:
            What became of it; if a process of a group failed, of that one.
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

        meta_tasks = self._meta_tasks(trial.device)
        if meta_tasks is None:
            return self._together(job, on_event)
        with ThreadPoolExecutor(max_workers=1) as pool:
            ours, theirs = self.processes.pipe()
            serving = pool.submit(serve, ours, meta_tasks, job, trial.device, listener.said)
            return self._with_others(job, on_event, RemoteClient(0, 1, asking=theirs), serving)

    def _meta_tasks(self, device: DeviceIdentity) -> MetaTaskExecutor | None:
        """Return what learns tasks elsewhere; None for a board, which lacks the memory for it."""
        memory = device.profile.memory
        is_board = memory is not None and memory.system_bytes > 0  # which share it
        return None if is_board and device.mode == "measured" else self.meta_tasks

    def _torch_device(self, identity: DeviceIdentity) -> str:
        """Return the torch device that computes here; the device itself may be elsewhere.

        Raises:
            NotAtHandError: trials run here, too, and the device was to be measured.
        """
        make = make_device if self.meta_tasks else open_device
        return make(self.plugins, identity).torch_device()

    def _together(self, job: PretrainingJob, on_event: OnEvent) -> Outcome:
        def run(group: ProcessGroup) -> Outcome:
            told = on_event if group.is_leader else _ignore
            return self.processes.run(job, _log_of(job), told, group)

        groups = self.processes.process_group(
            min(self.world_size, job.pretraining.budget.meta_tasks)
        )
        with ThreadPoolExecutor(max_workers=len(groups)) as pool:
            return _the_telling(list(pool.map(run, groups)))

    def _with_others(
        self, job: PretrainingJob, on_event: OnEvent, group: RemoteClient, serving: Future[None]
    ) -> Outcome:
        """Run the process whose tasks are learned elsewhere; a failure there is returned first."""
        try:
            outcome = self.processes.run(job, _log_of(job), on_event, group)
        finally:
            group.close()  # if the process did not even start; now `serving` ends
        try:
            serving.result()
        except MetaTaskFailedError as failure:
            with _log_of(job).open("a", encoding="utf-8") as log:
                log.write(failure.log)
            return failure.outcome
        return outcome


def _log_of(job: PretrainingJob) -> Path:
    return job.checkpoint.with_suffix(".log")


def _the_telling(outcomes: list[Outcome]) -> Outcome:
    """Return the leader's outcome; if a process failed, the outcome of one that failed first.

    When one process fails, the others fail for lack of it, which says nothing about the cause.
    """
    failed = [each for each in outcomes if each.error is not None]
    own = [each for each in failed if each.error and each.error.type != ProcessGroupError.__name__]
    return (own or failed or outcomes)[0]


def _ignore(_: dict[str, Any]) -> None:
    """Ignore an event: the leader alone reports for the group."""
