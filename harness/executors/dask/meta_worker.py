"""What runs on a Dask worker: access to the worker, and a process for meta-tasks that is kept."""

from __future__ import annotations

import multiprocessing
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

from harness.errors import HarnessError
from harness.experiment.outcome import Outcome
from harness.plugins.loading import in_one_line
from harness.runtime.job import MetaWorkerJob
from harness.runtime.meta_tasks import MetaTaskFailedError, MetaTaskRequest, MetaTaskResult
from harness.runtime.process import ProcessLauncher, StopSignal
from harness.runtime.process_group import ProcessGroup

__all__ = [
    "AbandonedSignal",
    "LatestSignal",
    "MetaWorker",
    "WorkerContext",
    "WorkerMachine",
    "end_of",
    "guarded",
    "machine_at",
    "topic_of",
]

LOOK_EVERY_S = 0.5
WANTED = {"executing", "long-running", "resumed"}

LONGEST_LOG = 2**20  # characters
CLOSING_S = 5.0
A = TypeVar("A")


def topic_of(run: str) -> str:
    """Name the topic of a run's progress."""
    return f"harness-{run}"


@dataclass(frozen=True)
class WorkerContext:
    """A worker, and the task that one of its threads is running."""

    worker: Any
    key: Any

    @classmethod
    def here(cls) -> WorkerContext:
        """Return the context of the current thread."""
        from distributed import get_worker  # noqa: PLC0415 - there is one only where Dask is

        worker = get_worker()
        return cls(worker, worker.get_current_task())

    @property
    def address(self) -> str:
        """Where the worker can be reached."""
        return str(self.worker.address)

    def tell(self, run: str, news: str) -> None:
        """Send the run a message that may get lost."""
        with suppress(Exception):
            self.worker.log_event(topic_of(run), news)

    def is_wanted(self) -> bool:
        """Whether the scheduler still wants the task."""
        task = self.worker.state.tasks.get(self.key)
        return task is not None and task.state in WANTED

    def abandonment(self, patience_s: float) -> StopSignal:
        """Return a signal that is set once nobody has wanted the task for `patience_s` seconds."""
        return AbandonedSignal(self, patience_s)


class AbandonedSignal:
    """A stop signal that sets itself once the task is abandoned.

    Dask can neither stop a task that a thread is running nor send it a message.
    """

    def __init__(self, context: WorkerContext, patience_s: float) -> None:
        """Watch the task of `context`, looking no more often than every `LOOK_EVERY_S`."""
        self._context, self._patience_s = context, patience_s
        self._wanted_at = self._looked_at = time.monotonic()
        self._is_set = False

    def set(self) -> None:
        """Set the signal."""
        self._is_set = True

    def is_set(self) -> bool:
        """Whether the trial is to be stopped."""
        now = time.monotonic()
        if not self._is_set and now - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = now
            if self._context.is_wanted():
                self._wanted_at = now
            self._is_set = now - self._wanted_at > self._patience_s
        return self._is_set


def end_of(log: Path) -> str:
    """Return the text of a log, or its end; nothing if there is none."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if len(text) <= LONGEST_LOG:
        return text
    return f"[the first {len(text) - LONGEST_LOG:,} characters are left out]\n{text[-LONGEST_LOG:]}"


class LatestSignal:
    """A `StopSignal` that forwards to the latest of several signals."""

    def __init__(self) -> None:
        """Start with a signal that is not set."""
        self.signal: StopSignal = threading.Event()

    def is_set(self) -> bool:
        """Whether the latest signal is set."""
        return self.signal.is_set()

    def set(self) -> None:
        """Set the latest signal."""
        self.signal.set()


class MetaWorker:
    """A process that learns meta-tasks, and the thread that watches it.

    Attributes:
        stopping: ends the process when its signal is set. A task's signal is also set some time
            after the task has ended, unless the next task has brought a signal of its own.
    """

    def __init__(self, run: str, job: MetaWorkerJob) -> None:
        """Start the process.

        Args:
            run: the name of the pretraining's run.
            job: identifies the pretraining, with the folders of this machine.
        """
        self.stopping = LatestSignal()
        self._run, self._job = run, job
        processes = ProcessLauncher(self.stopping)
        self._connection, end = processes.pipe()
        self._ended: Future[Outcome] = Future()
        self._log = ""
        # Nobody waits for a daemon when the worker ends; the process then ends with it.
        threading.Thread(
            target=self._watch, args=(processes, ProcessGroup(1, 2, [end])), daemon=True
        ).start()

    def serves(self, run: str, job: MetaWorkerJob) -> bool:
        """Whether the process is alive and learns for this pretraining."""
        return (run, job) == (self._run, self._job) and not self._ended.done()

    def learn(self, request: MetaTaskRequest) -> MetaTaskResult:
        """Have one task learned.

        Raises:
            MetaTaskFailedError: the method has failed, or the process has died.
            KeyboardInterrupt: the signal was set.
        """
        try:
            self._connection.send(request)
            learned: MetaTaskResult = self._connection.recv()
        except (EOFError, OSError):
            outcome = self._ended.result()
            raise MetaTaskFailedError(outcome, self._log) from None
        return learned

    def close(self) -> None:
        """End the process, which is idle."""
        self._connection.close()
        wait([self._ended], timeout=CLOSING_S)
        self.stopping.set()

    def _watch(self, processes: ProcessLauncher, context: ProcessGroup) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="harness-") as folder:
                log = Path(folder) / "log.txt"
                outcome = processes.run(self._job, log, lambda _: None, context)
                self._log = end_of(log)
            self._ended.set_result(outcome)
        except BaseException as error:  # it is raised where it is waited for
            self._ended.set_exception(error)
        finally:
            context.close()  # if the process did not even start


class WorkerMachine:
    """Keeps the process that learns a pretraining's tasks, since the next task comes soon."""

    def __init__(self) -> None:
        """Start idle."""
        self.lock = threading.Lock()
        self._meta_worker: MetaWorker | None = None

    def meta_worker(self, run: str, job: MetaWorkerJob, stopping: StopSignal) -> MetaWorker:
        """Return the process for a pretraining; a process for another one is ended first.

        Args:
            run: the name of the pretraining's run.
            job: identifies the pretraining.
            stopping: ends the process when it is set; replaces any earlier signal.
        """
        if self._meta_worker is None or not self._meta_worker.serves(run, job):
            self.dismiss()
            self._meta_worker = MetaWorker(run, job)
        self._meta_worker.stopping.signal = stopping
        return self._meta_worker

    def dismiss(self) -> None:
        """End the process for meta-tasks, if there is one, to make room for something else."""
        if self._meta_worker is not None:
            self._meta_worker.close()
        self._meta_worker = None


# A worker with several threads, or with resources for several devices, is still one machine.
_machines: dict[str, WorkerMachine] = defaultdict(WorkerMachine)


@contextmanager
def machine_at(address: str) -> Iterator[WorkerMachine]:
    """Wait until the machine of a worker is idle, and reserve it until the context ends."""
    with _machines[address].lock:
        _allow_children()
        _warm_up()
        yield _machines[address]


def guarded(work: Callable[[], A], other: Callable[[str, str], A]) -> A:
    """Return what `work` returns; if it raises, the reply that `other` makes of the reason.

    Args:
        work: what a worker is to do.
        other: takes `refusal` or `abandoned`, and the reason.
    """
    try:
        return work()
    except HarnessError as error:
        return other("refusal", str(error))
    except KeyboardInterrupt:  # how a process that nobody waits for is stopped
        return other("abandoned", "")
    except Exception as error:  # a disk that is full, say: no fault of the method's
        return other("refusal", in_one_line(error))


@cache
def _warm_up() -> None:
    """Have torch imported, once, before a trial's clock starts."""
    ProcessLauncher().warm_up()


def _allow_children() -> None:
    """Let this process have children of its own, where it is itself the child of Dask's nanny.

    Python forbids them to a process that ends with its parent, lest they outlive it. A trial's
    process does not: it ends by itself as soon as the worker is gone.
    """
    process = multiprocessing.current_process()
    if process.daemon:
        process.daemon = False
