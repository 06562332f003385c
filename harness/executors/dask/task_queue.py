"""Tasks of Dask: each is handed out, and comes to an end once, whatever happens in between."""

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

from harness.executors.dask.errors import FleetError
from harness.executors.dask.link import Link
from harness.executors.dask.place import topic_of
from harness.executors.dask.worker_pool import Staffing
from harness.plugins.loading import in_one_line

if TYPE_CHECKING:
    from distributed import Future

__all__ = ["Answered", "Errand", "Errands", "GivenUp", "News", "Told"]

POLL_S = 0.5
FETCH_S = 10.0  # a result whose worker died as it was fetched is computed anew
# What Dask raises of a task whose connection was cut is the second; the first is no Exception.
CANCELLED = (asyncio.CancelledError, concurrent.futures.CancelledError)


@dataclass
class Errand:
    """What a worker is to do.

    Attributes:
        name: no other errand of the run has it.
        device: which the worker has to offer.
        function: is called there, with `arguments`.
        attempt: how many tasks of Dask it has been; set by `Errands`.
        future: of the last of them; likewise.
    """

    name: str
    device: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    attempt: int = 1
    future: Future | None = None


@dataclass(frozen=True)
class Answered:
    """The function has returned; the errand is under way until `Errands.end` or `again`."""

    name: str
    result: Any


@dataclass(frozen=True)
class Told:
    """A worker tells of an errand under way; some of it may get lost."""

    name: str
    event: dict[str, Any]


@dataclass(frozen=True)
class GivenUp:
    """The errand was given up: not for anything that its function did."""

    name: str
    reason: str


News = Answered | Told | GivenUp


class Errands:
    """One run's errands with the workers of one scheduler; used in one thread at a time.

    No more are handed out than there are workers for their device, so that a worker that dies takes
    one with it. Dask gives that one to another worker, by itself; after the fourth worker that dies
    of it, it is given up. A connection that is cut is made again, and what was under way goes on.
    """

    def __init__(self, link: Link, run: str, say: Callable[[str], None]) -> None:
        """Have nothing to do yet.

        Args:
            link: to the scheduler.
            run: a name that no other run has.
            say: is told what is worth a line.
        """
        self._link, self._run, self._say = link, run, say
        self._staffing = Staffing(link, say)
        self._waiting: list[Errand] = []
        self._under_way: dict[str, Errand] = {}
        self._news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
        self._listen()

    def __bool__(self) -> bool:
        """Whether there is any that has not ended."""
        return bool(self._under_way or self._waiting)

    def add(self, errand: Errand) -> None:
        """Take one more."""
        self._waiting.append(errand)

    def hand_out(self) -> list[str]:
        """Give each idle worker an errand of a device that it offers; return their names.

        Raises:
            FleetError: the scheduler is gone for good.
        """
        if self._waiting and not self._under_way and not self._link.stands:
            self._renew()  # of a cut only what is under way would tell
        busy = Counter(each.device for each in self._under_way.values())
        handed, left = list[str](), list[Errand]()
        for errand in self._waiting:
            if busy[errand.device] < self._staffing.places(errand.device):
                busy[errand.device] += 1
                self._submit(errand)
                handed.append(errand.name)
            else:
                left.append(errand)
        self._waiting = left
        return handed

    def next(self) -> News | None:
        """Wait a moment; return what has happened, if anything has.

        Raises:
            FleetError: a worker cannot do it, or the scheduler is gone for good.
        """
        try:
            name, news = self._news.get(timeout=POLL_S)
        except queue.Empty:
            return None
        errand = self._under_way.get(name)
        if errand is None:  # what comes late is no news
            return None
        if isinstance(news, dict):
            return Told(name, news)
        return self._settled(errand) if news is errand.future else None

    def again(self, name: str, *arguments: Any) -> None:
        """Hand out an errand once more, if the connection was cut all that was under way.

        Args:
            name: of the errand.
            arguments: in the place of those that it had, if any are given.
        """
        errand = self._under_way[name]
        errand.arguments = arguments or errand.arguments
        if self._link.stands:
            errand.attempt += 1
            self._submit(errand)
            return
        self._renew()
        for interrupted in list(self._under_way.values()):
            # Under the same keys: where the scheduler still has these tasks, they go on.
            self._submit(interrupted)

    def end(self, name: str) -> None:
        """Be done with an errand."""
        del self._under_way[name]

    def drop(self) -> None:
        """Let go of all; the workers that are at one notice, and stop."""
        futures = [each.future for each in self._under_way.values()]
        self._waiting, self._under_way = [], {}
        with suppress(Exception, asyncio.CancelledError):  # a connection that is gone says enough
            self._link.client.cancel(futures)

    def _submit(self, errand: Errand) -> None:
        errand.future = self._link.client.submit(
            errand.function,
            *errand.arguments,
            # Under a key that it has had before, Dask gives back what came of it then.
            key=f"harness-{self._run}-{errand.name}-{errand.attempt}",
            resources={errand.device: 1},
            pure=False,
        )
        self._under_way[errand.name] = errand
        self._follow(errand)

    def _follow(self, errand: Errand) -> None:
        assert errand.future is not None  # noqa: S101 - it was submitted
        errand.future.add_done_callback(lambda done: self._news.put((errand.name, done)))

    def _renew(self) -> None:
        self._say(f"The connection to {self._link.where} was cut; it is made again.")
        self._link.renew()
        self._listen()

    def _settled(self, errand: Errand) -> News | None:
        future: Any = errand.future
        try:
            if future.status == "finished":
                return Answered(errand.name, future.result(timeout=FETCH_S))
            if future.status == "error":
                return self._failed(errand, future.exception(timeout=FETCH_S))
        except CANCELLED:
            pass
        except (asyncio.TimeoutError, OSError):  # the first is another class on Python 3.10
            self._follow(errand)
            return None
        self.again(errand.name)
        return None

    def _failed(self, errand: Errand, error: BaseException | None) -> News:
        from distributed import KilledWorker  # noqa: PLC0415 - it is imported by now

        if not isinstance(error, KilledWorker):
            reason = "" if error is None else f" ({in_one_line(error)})"
            raise FleetError(
                f"a worker of {self._link.where} cannot run trials{reason}; "
                "install the same onnas-harness there, with its extra 'dask'"
            )
        self.end(errand.name)
        count = error.allowed_failures + 1
        return GivenUp(errand.name, f"{count} workers were lost while they ran it")

    def _listen(self) -> None:
        """Have what workers tell of errands under way, as far as it gets through."""

        def hear(event: tuple[Any, str]) -> None:
            news = json.loads(event[1])
            self._news.put((str(news["key"]), dict(news["event"])))

        self._link.client.subscribe_topic(topic_of(self._run), hear)
