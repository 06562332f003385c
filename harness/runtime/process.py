"""Runs each job in a child process, and watches it until it ends.

A process of its own keeps a trial's memory, crashes and hangs away from the others. On POSIX,
processes are forked from a server that has imported torch once (multiprocessing's forkserver), so
that no trial pays for the import; elsewhere each process is spawned.
"""

from __future__ import annotations

import gc
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Protocol

from harness.devices.readings.linux import OomKills
from harness.experiment.outcome import Outcome, TrialError, Used
from harness.plugins.loading import load_plugins
from harness.runtime.forkserver import begin, processes, start, start_server
from harness.runtime.interpreters import end_of_stderr, told
from harness.runtime.job import Job, TrialJob
from harness.runtime.process_group import ALONE, ProcessGroup
from harness.system.limits import advice_on

__all__ = ["ProcessLauncher", "StopSignal"]

Event = dict[str, Any]

# How long past its wall-clock budget a trial may take to stop by itself, between two steps.
GRACE_S = 2.0
POLL_S = 0.2

MOST_READ = 2**14  # bytes of a log, for its last words

KILLED = -9  # the exit code of a process that SIGKILL has ended

# Torch's optimizers import its compiler at their first use: seconds that each trial would pay.
PRELOADED = [
    "__main__",
    *sorted(kind.runner.partition(":")[0] for kind in Job.kinds),
    "torch._dynamo",
]

# Whenever multiprocessing starts a child, it polls all of them: if two threads read one child's
# exit status at once, neither gets it whole.
_children = threading.Lock()


class StopSignal(Protocol):
    """Tells that jobs must be stopped; a `threading.Event` is one."""

    def is_set(self) -> bool:
        """Whether jobs must be stopped; called several times a second."""

    def set(self) -> None:
        """Have jobs stopped."""


class ProcessLauncher:
    """Starts the processes of jobs, several at once if its callers are threads."""

    def __init__(self, stopping: StopSignal | None = None) -> None:
        """Choose how processes are made; none is made yet.

        Args:
            stopping: ends running jobs when it is set, as `stop` does.
        """
        self._stopping: StopSignal = stopping or threading.Event()
        self._context: BaseContext = processes(PRELOADED)

    def warm_up(self) -> float:
        """Have torch imported before the first trial's clock starts; return the seconds it took."""
        started = time.perf_counter()
        start_server(self._context)
        return time.perf_counter() - started

    def process_group(self, world_size: int) -> list[ProcessGroup]:
        """Return a group, once for each of its processes; each is for one call of `run`."""
        pairs = [self.pipe() for _ in range(world_size - 1)]
        leader = ProcessGroup(0, world_size, [ours for ours, _ in pairs])
        others = [ProcessGroup(rank, world_size, [end]) for rank, (_, end) in enumerate(pairs, 1)]
        return [leader, *others]

    def pipe(self) -> tuple[Connection, Connection]:
        """Return both ends of a connection; one of them is for a process."""
        return self._context.Pipe()

    def run(
        self,
        job: Job,
        log: Path,
        on_event: Callable[[Event], None],
        group: ProcessGroup = ALONE,
    ) -> Outcome:
        """Run one job until it ends, well or not, and pass its events on as they come.

        Args:
            job: what is to be done.
            log: the file that the process prints to.
            on_event: is called with each event.
            group: of the process; this process closes its own copies of the connections.

        Raises:
            KeyboardInterrupt: Ctrl-C, or `stop` was called; the job's process has ended by then.
        """
        oom_kills = OomKills()
        ours, theirs = self._context.Pipe()
        process: BaseProcess = self._context.Process(  # type: ignore[attr-defined] # stubs lack it
            target=_child,
            args=(theirs, type(job), job.model_dump_json(), str(log), group),
            daemon=True,
        )
        try:
            with _children:
                start(process)
            theirs.close()
            group.close()  # the process has copies; only if ours are closed is its death noticed
            return _Watch(job, process, ours, on_event, oom_kills, log).outcome(self._stopping)
        finally:
            if process.pid is not None:
                _end(process)
            ours.close()

    def stop(self) -> None:
        """End the jobs that other threads are running."""
        self._stopping.set()


@dataclass
class _Watch:
    """Listens to one child until it has sent its outcome, died, or exceeded its wall clock."""

    job: Job
    process: BaseProcess
    connection: Connection
    on_event: Callable[[Event], None]
    oom_kills: OomKills
    log: Path

    def __post_init__(self) -> None:
        trial = self.job.trial if isinstance(self.job, TrialJob) else None
        self._emulated = trial is not None and trial.device.mode == "emulated"
        self._allowed_s = None if trial is None else trial.budget.wall_clock_s
        self._started = time.monotonic()
        self._steps_done = 0
        self._tasks_begun = 0

    def outcome(self, stopping: StopSignal) -> Outcome:
        while True:
            if stopping.is_set():
                raise KeyboardInterrupt
            if self._overstayed():
                return self._stopped()
            if not self.connection.poll(POLL_S):
                continue
            try:
                event: Event = self.connection.recv()
            except (EOFError, ConnectionResetError):
                return self._died()
            if event["event"] == "outcome":
                return Outcome.model_validate(event["outcome"])
            if event["event"] == "step":
                self._steps_done = max(self._steps_done, event["step"] + 1)
                self._tasks_begun = event["task"] + 1
            self.on_event(event)

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
        _join(self.process)
        code = self.process.exitcode or 0
        # Nobody here has sent a signal yet: it was the kernel, or else a person.
        if code == KILLED and self.oom_kills.any_since() is not False:
            return self._killed()
        how = f"by signal {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        seen = f"{self._last_seen()}{told(self._said())}"
        message = f"the {self.job.noun}'s process ended {how} {seen}; see its log"
        return self._broken_off("error", "ProcessEnded", message)

    def _said(self) -> str:
        """Return the end of the process's log, or what it wrote before it had one."""
        with suppress(OSError), self.log.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - MOST_READ))
            return log.read().decode(errors="replace")
        return end_of_stderr()

    def _killed(self) -> Outcome:
        """Return the outcome of a process that SIGKILL has ended, most likely for lack of memory.

        It was this machine's memory that ran out. That says nothing about an emulated device, and
        in pretraining nothing about a device that only searches.
        """
        sure = "by the kernel" if self.oom_kills.any_since() else "most likely"
        message = (
            f"the {self.job.noun}'s process was killed, {sure} for lack of memory, "
            f"{self._last_seen()}; see its log"
        )
        if self._emulated:
            message += "; what this machine lacks, the emulated device need not"
        measured = self.job.stage == "search" and not self._emulated
        return self._broken_off("out_of_memory" if measured else "error", "ProcessKilled", message)

    def _broken_off(self, status: Any, kind: str, message: str) -> Outcome:
        return Outcome(
            status=status,
            error=TrialError(type=kind, message=message, stage=self.job.stage),
            used=Used(search_steps=self._steps_done, tasks=max(self._tasks_begun - 1, 0)),
        )

    def _last_seen(self) -> str:
        if self.job.stage == "pretraining":
            return "before it was done"
        if not self._tasks_begun:
            return "before its first search step"
        return f"in task {self._tasks_begun}"


def _end(process: BaseProcess) -> None:
    with _children:
        process.kill()
    _join(process)


def _join(process: BaseProcess) -> None:
    wait([process.sentinel])  # without the lock: it may take its time
    with _children:
        process.join()


def _child(
    connection: Connection, kind: type[Job], job_json: str, log_path: str, group: ProcessGroup
) -> None:
    """Do the job, or this process's part of it; send events and, last, the outcome, as dicts.

    All output goes to the log. Ctrl-C is left to the parent; if the parent dies, this process ends.
    """
    begin(signal.SIGTERM)  # Ctrl-C stays blocked: the parent handles it
    # Imported modules stay alive: garbage collection need not scan them and so copy shared pages.
    gc.freeze()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _print_to(log_path)
    threading.Thread(target=_die_with_parent, args=(connection,), daemon=True).start()
    # Imported here, since planning imports this module.
    from harness.planning.code import CodeChangedError, check_unchanged  # noqa: PLC0415 - see above

    try:
        job, plugins = kind.model_validate_json(job_json), load_plugins()
        check_unchanged(plugins.registry, job)
        outcome = kind.import_runner()(plugins, job, connection.send, group)
    except Exception as error:  # a plugin that has gone since the run was planned, say
        traceback.print_exc()
        message = "; ".join(filter(None, (str(error), advice_on(error))))
        failure = TrialError(type=type(error).__name__, message=message, stage="start")
        is_changed = isinstance(error, CodeChangedError)  # which says nothing about the trial
        outcome = Outcome(status="interrupted" if is_changed else "error", error=failure)
    connection.send({"event": "outcome", "outcome": outcome.model_dump(mode="json")})


def _print_to(path: str) -> None:
    """Redirect standard output and error to a file, including those of C libraries."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(handle, 1)
    os.dup2(handle, 2)
    os.close(handle)
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError):
            stream.reconfigure(  # type: ignore[union-attr] # TextIO lacks it
                encoding="utf-8", errors="backslashreplace", line_buffering=True
            )


def _die_with_parent(connection: Connection) -> None:
    """End when the parent dies: it never sends, so the connection is readable only once closed."""
    with suppress(OSError, EOFError):
        connection.recv()
    os._exit(1)
