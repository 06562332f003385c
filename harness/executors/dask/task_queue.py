"""A queue of tasks for Dask's workers, in which every task ends exactly once, whatever happens."""

from __future__ import annotations

import asyncio
import concurrent.futures
import json
import queue
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.executors.dask.connection import FleetError, SchedulerConnection, WorkerPool
from harness.executors.dask.meta_worker import topic_of
from harness.plugins.loading import in_one_line

if TYPE_CHECKING:
    from distributed import Future

__all__ = ["QueueEvent", "QueuedTask", "TaskEvent", "TaskLost", "TaskQueue", "TaskReturned"]

POLL_S = 0.5
FETCH_S = 10.0  # if a worker dies while its result is fetched, the result is computed again
# Dask raises the second for a task whose connection was cut; the first is not an Exception.
CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)


@dataclass
class QueuedTask:
    """What a worker is to do.

    Attributes:
        name: unique within the run.
        device: what the worker has to offer.
        function: is called on the worker, with `arguments`.
        attempt: how often it was submitted to Dask; set by `TaskQueue`.
        future: of the last attempt; set by `TaskQueue`.
    """

    name: str
    device: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    attempt: int = 1
    future: Future | None = None


@dataclass(frozen=True)
class TaskReturned:
    """The function has returned; the task stays in the queue until `TaskQueue.end` or `again`."""

    name: str
    result: Any


@dataclass(frozen=True)
class TaskEvent:
    """A worker reports on a running task; such messages may get lost."""

    name: str
    event: dict[str, Any]


@dataclass(frozen=True)
class TaskLost:
    """The task was given up for a reason other than its function, such as lost workers."""

    name: str
    reason: str


QueueEvent = TaskReturned | TaskEvent | TaskLost


class TaskQueue:
    """One run's tasks on the workers of one scheduler; used in one thread at a time.

    No more tasks are handed out than there are workers for their device, so that a worker that dies
    takes only one with it. Dask itself gives that task to another worker; after the fourth worker
    that dies with it, the task is given up. A connection that is cut is renewed, and running tasks
    go on.
    """

    def __init__(
        self, connection: SchedulerConnection, run: str, say: Callable[[str], None]
    ) -> None:
        """Start with an empty queue.

        Args:
            connection: to the scheduler.
            run: the unique name of the run.
            say: reports a sentence to the person.
        """
        self._connection, self._run, self._say = connection, run, say
        self._pool = WorkerPool(connection, say)
        self._waiting: list[QueuedTask] = []
        self._under_way: dict[str, QueuedTask] = {}
        self._news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._listen()

    def __bool__(self) -> bool:
        """Whether some task has not ended."""
        return bool(self._under_way or self._waiting)

    def add(self, task: QueuedTask) -> None:
        """Add a task."""
        self._waiting.append(task)

    def hand_out(self) -> list[str]:
        """Give each idle worker a task for a device that it offers; return the tasks' names.

        Raises:
            FleetError: the scheduler is gone for good.
        """
        if self._waiting and not self._under_way and not self._connection.stands:
            self._renew()  # with no task running, nothing else would reveal a cut
        busy = Counter(each.device for each in self._under_way.values())
        handed, left = list[str](), list[QueuedTask]()
        for task in self._waiting:
            if busy[task.device] < self._pool.count(task.device):
                busy[task.device] += 1
                self._submit(task)
                handed.append(task.name)
            else:
                left.append(task)
        self._waiting = left
        return handed

    def next(self) -> QueueEvent | None:
        """Wait a moment; return what has happened, if anything has.

        Raises:
            FleetError: a worker cannot run tasks, or the scheduler is gone for good.
        """
        try:
            name, news = self._news.get(timeout=POLL_S)
        except queue.Empty:
            return None
        task = self._under_way.get(name)
        if task is None:  # it came too late
            return None
        if isinstance(news, dict):
            return TaskEvent(name, news)
        return self._settled(task) if news is task.future else None

    def again(self, name: str, *arguments: Any) -> None:
        """Submit a task once more; after a cut, renew the connection and submit all running tasks.

        Args:
            name: of the task.
            arguments: replace the task's arguments, if any are given.
        """
        task = self._under_way[name]
        task.arguments = arguments or task.arguments
        if self._connection.stands:
            task.attempt += 1
            self._submit(task)
            return
        self._renew()
        for interrupted in list(self._under_way.values()):
            # Under the same keys: where the scheduler still has these tasks, they go on.
            self._submit(interrupted)

    def end(self, name: str) -> None:
        """Remove a task that is done."""
        del self._under_way[name]

    def drop(self) -> None:
        """Drop all tasks; workers that run one notice that it is no longer wanted, and stop."""
        futures = [each.future for each in self._under_way.values()]
        self._waiting, self._under_way = [], {}
        with suppress(Exception, asyncio.CancelledError):  # a connection that is gone says enough
            self._connection.client.cancel(futures)

    def _submit(self, task: QueuedTask) -> None:
        task.future = self._connection.client.submit(
            task.function,
            *task.arguments,
            # For a key that it knows, Dask returns the earlier result, so each attempt has its own.
            key=f"harness-{self._run}-{task.name}-{task.attempt}",
            resources={task.device: 1},
            pure=False,
        )
        self._under_way[task.name] = task
        self._follow(task)

    def _follow(self, task: QueuedTask) -> None:
        assert task.future is not None  # noqa: S101 - it was submitted
        task.future.add_done_callback(lambda done: self._news.put((task.name, done)))

    def _renew(self) -> None:
        self._say(f"The connection to {self._connection.where} was cut; it is made again.")
        self._connection.renew()
        self._listen()

    def _settled(self, task: QueuedTask) -> QueueEvent | None:
        future: Any = task.future
        try:
            if future.status == "finished":
                return TaskReturned(task.name, future.result(timeout=FETCH_S))
            if future.status == "error":
                return self._failed(task, future.exception(timeout=FETCH_S))
        except CANCELLED:
            pass
        except (asyncio.TimeoutError, OSError):  # the first is another class on Python 3.10
            self._follow(task)
            return None
        self.again(task.name)
        return None

    def _failed(self, task: QueuedTask, error: BaseException | None) -> QueueEvent:
        from distributed import KilledWorker  # noqa: PLC0415 - it is imported by now

        if not isinstance(error, KilledWorker):
            reason = "" if error is None else f" ({in_one_line(error)})"
            raise FleetError(
                f"a worker of {self._connection.where} cannot run trials{reason}; "
                "install the same onnas-harness there, with its extra 'dask'"
            )
        self.end(task.name)
        count = error.allowed_failures + 1
        return TaskLost(task.name, f"{count} workers were lost while they ran it")

    def _listen(self) -> None:
        """Receive what workers report on running tasks, as far as messages arrive."""

        def hear(event: tuple[Any, str]) -> None:
            news = json.loads(event[1])
            self._news.put((str(news["key"]), dict(news["event"])))

        self._connection.client.subscribe_topic(topic_of(self._run), hear)
