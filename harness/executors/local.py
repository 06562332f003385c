"""Runs trials on this machine, up to `-j N` side by side, each in a process of its own."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any

from harness.contracts import Device, DeviceMode
from harness.devices.at_hand import mode_here, takes_turns
from harness.executors.base import ExecutorEvent, TrialFinished, TrialStarted, TrialStepped
from harness.experiment.outcome import TimedOutcome, TrialClock
from harness.experiment.trial import Trial
from harness.plugins.selection import Selection
from harness.runtime.determinism import let_threads_sleep
from harness.runtime.job import TrialJob
from harness.runtime.process import ProcessLauncher

__all__ = ["LocalExecutor"]

LogOf = Callable[[Trial], Path]


class LocalExecutor:
    """Runs trials in processes of this machine (an `Executor`).

    A thread watches each process; events are yielded in the thread that asks for them.
    """

    same_machine = True
    meta_tasks = None  # several processes of this machine share a pretraining already

    def __init__(self, jobs: int = 1) -> None:
        """Allow up to `jobs` trials side by side; no process is started yet."""
        self.jobs = jobs
        if jobs > 1:
            let_threads_sleep()

    def mode_of(
        self,
        selection: Selection,  # noqa: ARG002 - the device knows by itself
        device: Device,
        wanted: DeviceMode | None,  # noqa: ARG002 - whatever is wanted of it
    ) -> DeviceMode | None:
        """Say what a device is on this machine."""
        return mode_here(device)

    def run(
        self,
        jobs: Iterable[TrialJob],
        log_of: LogOf,
        say: Callable[[str], None],  # noqa: ARG002 - there is always room for one trial
    ) -> Generator[ExecutorEvent, None, None]:
        """Run the jobs (see `Executor`).

        Raises:
            KeyboardInterrupt: Ctrl-C; the trials' processes are gone by then.
        """
        waiting = list(jobs)
        size = min(self.jobs, len(waiting))
        # Noted in records, since trials side by side slow each other down.
        notes = {"trials_side_by_side": size} if self.jobs > 1 else {}
        run = _TrialThreads(size, log_of, notes)
        try:
            yield from run.events(waiting)
        finally:
            run.stop()


class _TrialThreads:
    """The running trials, with a thread that waits for each one's process."""

    def __init__(self, size: int, log_of: LogOf, notes: dict[str, Any]) -> None:
        self._size, self._log_of, self._notes = size, log_of, notes
        self._launcher = ProcessLauncher()
        self._happened: queue.SimpleQueue[tuple[TrialJob, Any]] = queue.SimpleQueue()
        self._under_way: dict[str, TrialJob] = {}
        self._threads: list[threading.Thread] = []

    def events(self, waiting: list[TrialJob]) -> Generator[ExecutorEvent, None, None]:
        while waiting or self._under_way:
            while (job := self._next(waiting)) is not None:
                waiting.remove(job)
                yield TrialStarted(job.trial)
                self._start(job)
            yield self._wait()

    def stop(self) -> None:
        """End the processes of trials that are still running, if there are any."""
        self._launcher.stop()
        for thread in self._threads:
            thread.join()

    def _start(self, job: TrialJob) -> None:
        self._under_way[job.trial.key] = job
        # Nobody waits for a daemon when this process ends; the trial's process ends with it.
        thread = threading.Thread(target=self._watch, args=(job,), daemon=True)
        self._threads = [*filter(threading.Thread.is_alive, self._threads), thread]
        thread.start()

    def _next(self, waiting: list[TrialJob]) -> TrialJob | None:
        """Return the first job that there is room for; a real device runs one trial at a time."""
        if len(self._under_way) == self._size:
            return None
        taken = {job.trial.device.name for job in self._under_way.values()}
        for job in waiting:
            device = job.trial.device
            if not (takes_turns(device.profile, device.mode) and device.name in taken):
                return job
        return None

    def _wait(self) -> ExecutorEvent:
        """Wait for the next event of any thread.

        Raises:
            Exception: what a thread could not do, such as to start a process.
        """
        job, happened = self._happened.get()
        if isinstance(happened, dict):
            return TrialStepped(job.trial, happened)
        del self._under_way[job.trial.key]
        if isinstance(happened, BaseException):
            raise happened
        outcome: TimedOutcome = happened
        outcome.outcome.environment.update(self._notes)
        return TrialFinished(job.trial, outcome)

    def _watch(self, job: TrialJob) -> None:
        """Run a trial in this thread, and queue its events and its outcome."""
        clock = TrialClock()

        def on_event(event: dict[str, Any]) -> None:
            self._happened.put((job, event))

        try:
            outcome = self._launcher.run(job, self._log_of(job.trial), on_event)
            self._happened.put((job, clock.timed(outcome)))
        except BaseException as error:  # raised where it is waited for
            self._happened.put((job, error))
