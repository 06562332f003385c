"""One child process a trial (or a pretraining), watched from the parent.

A process of its own keeps a trial's memory, crashes and hangs to itself. On POSIX the processes
are forked from a server that has imported torch once (multiprocessing's forkserver), so that a
trial does not pay for the import; elsewhere each is spawned.
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from harness.devices.readings.memory import OomKills
from harness.pretraining.process_group import ALONE, Place
from harness.results.record import Outcome, Stage, TrialError, Used
from harness.runtime.fork_server import interruptible, processes, start_server, uninterrupted
from harness.runtime.job import AnyJob, TrialJob

__all__ = ["StopSignal", "TrialProcesses"]

Event = dict[str, Any]

# How long past its wall-clock budget a trial may take to stop by itself, between two steps.
GRACE_S = 2.0
POLL_S = 0.2

KILLED = -9  # the exit code of a process that SIGKILL has ended

# Torch's optimizers import its compiler at their first use: seconds that each trial would pay.
PRELOADED = ["__main__", "harness.runtime.child", "torch._dynamo"]


class StopSignal(Protocol):
    """Says that jobs are to be ended, as `threading.Event` does."""

    def is_set(self) -> bool:
        """Whether they are; is asked several times a second."""

    def set(self) -> None:
        """Have them ended."""


class TrialProcesses:
    """Starts trials' processes one after another."""

    def __init__(self, stopping: StopSignal | None = None) -> None:
        """Choose how processes are made; none is made yet.

        Args:
            stopping: ends the jobs under way when it goes up, as `stop` does.
        """
        self._stopping: StopSignal = stopping or threading.Event()
        self._context: BaseContext = processes(PRELOADED)

    def warm_up(self) -> float:
        """Have torch imported before the first trial's clock starts; return the seconds it took."""
        started = time.perf_counter()
        start_server(self._context)
        return time.perf_counter() - started

    def team(self, size: int) -> list[Place]:
        """Return the places of a team; each is to be handed to a call of `run`."""
        pairs = [self.pipe() for _ in range(size - 1)]
        leader = Place(0, size, [ours for ours, _ in pairs])
        return [leader, *(Place(rank, size, [end]) for rank, (_, end) in enumerate(pairs, 1))]

    def pipe(self) -> tuple[Connection, Connection]:
        """Return both ends of a connection, of which one is to be handed to a process."""
        return self._context.Pipe()

    def run(
        self,
        job: AnyJob,
        log: Path,
        on_event: Callable[[Event], None],
        place: Place = ALONE,
    ) -> Outcome:
        """Do one job to its end, whatever way it ends; pass its events on as they come.

        Args:
            job: what is to be done.
            log: file that gets what the process prints.
            on_event: is called with each event.
            place: in the team that does it; its connections are closed here.

        Raises:
            KeyboardInterrupt: Ctrl-C, or `stop` was called; the job's process is gone by then.
        """
        oom_kills = OomKills()
        ours, theirs = self._context.Pipe()
        process: BaseProcess = self._context.Process(  # type: ignore[attr-defined] # stubs lack it
            target=_child, args=(theirs, job.model_dump_json(), str(log), place), daemon=True
        )
        try:
            with uninterrupted():
                process.start()
            theirs.close()
            place.close()  # the process has its own; one that dies must be missed by the others
            return _Watch(job, process, ours, on_event, oom_kills).outcome(self._stopping)
        finally:
            if process.pid is not None:
                process.kill()
                process.join()
            ours.close()

    def stop(self) -> None:
        """End the jobs that other threads are running."""
        self._stopping.set()


class _Watch:
    """Listens to one child until it has said its last, died, or overstayed."""

    def __init__(
        self,
        job: AnyJob,
        process: BaseProcess,
        connection: Connection,
        on_event: Callable[[Event], None],
        oom_kills: OomKills,
    ) -> None:
        self._process, self._connection, self._on_event = process, connection, on_event
        self._oom_kills = oom_kills
        self._emulated = isinstance(job, TrialJob) and job.trial.device.mode == "emulated"
        self._allowed_s = job.trial.budget.wall_clock_s if isinstance(job, TrialJob) else None
        self._stage: Stage = "search" if isinstance(job, TrialJob) else "pretraining"
        self._started = time.monotonic()
        self._steps_done = 0
        self._tasks_begun = 0

    def outcome(self, stopping: StopSignal) -> Outcome:
        while True:
            if stopping.is_set():
                raise KeyboardInterrupt
            if self._overstayed():
                return self._stopped()
            if not self._connection.poll(POLL_S):
                continue
            try:
                event: Event = self._connection.recv()
            except (EOFError, ConnectionResetError):
                return self._died()
            if event["event"] == "outcome":
                return Outcome.model_validate(event["outcome"])
            if event["event"] == "step":
                self._steps_done = max(self._steps_done, event["step"] + 1)
                self._tasks_begun = event["task"] + 1
            self._on_event(event)

    def _overstayed(self) -> bool:
        if self._allowed_s is None:
            return False
        return time.monotonic() - self._started > self._allowed_s + GRACE_S

    def _stopped(self) -> Outcome:
        message = (
            f"the budget's wall_clock_s={self._allowed_s:g} is used up; the trial did not stop by "
            f"itself and was ended {self._last_seen()}"
        )
        return self._broken_off("over_budget", "BudgetExceededError", message)

    def _died(self) -> Outcome:
        self._process.join()
        code = self._process.exitcode or 0
        # Nobody here has sent a signal yet: it was the kernel, or else a person.
        if code == KILLED and self._oom_kills.any_since() is not False:
            return self._killed()
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        message = f"the {self._what()}'s process ended {how} {self._last_seen()}; see its log"
        return self._broken_off("error", "ProcessEnded", message)

    def _killed(self) -> Outcome:
        """Say that memory ran out; where the kernel does not count its kills, most likely.

        It was this machine's memory: for an emulated device, and for what is done offline, that
        is no answer.
        """
        sure = "by the kernel" if self._oom_kills.any_since() else "most likely"
        message = (
            f"the {self._what()}'s process was killed, {sure} for lack of memory, "
            f"{self._last_seen()}; see its log"
        )
        if self._emulated:
            message += "; what this machine lacks, the emulated device need not"
        measured = self._stage == "search" and not self._emulated
        return self._broken_off("out_of_memory" if measured else "error", "ProcessKilled", message)

    def _broken_off(self, status: Any, kind: str, message: str) -> Outcome:
        return Outcome(
            status=status,
            error=TrialError(type=kind, message=message, stage=self._stage),
            used=Used(search_steps=self._steps_done, tasks=max(self._tasks_begun - 1, 0)),
        )

    def _what(self) -> str:
        return "trial" if self._stage == "search" else "pretraining"

    def _last_seen(self) -> str:
        if self._stage == "pretraining":
            return "before it was done"
        if not self._tasks_begun:
            return "before its first search step"
        return f"in task {self._tasks_begun}"


def _child(connection: Connection, job_json: str, log_path: str, place: Place) -> None:
    interruptible(signal.SIGTERM)  # and Ctrl-C is for the parent to see
    # Imported here, in the child: the parent has no need of torch.
    from harness.runtime.child import main  # noqa: PLC0415 - see above

    main(connection, job_json, log_path, place)
