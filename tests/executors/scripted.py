"""A scheduler whose tasks come to what a test says; for the little that is asked of Dask itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from harness.executors.dask.task_queue import CANCELLED

__all__ = ["Client", "Future", "KilledWorker", "Link"]


class Future:
    """A task whose fate is known at once."""

    def __init__(self, fate: Any) -> None:
        self.fate, self.status = fate, "finished"
        if fate is None:
            self.status = "cancelled"
        elif isinstance(fate, BaseException) and not isinstance(fate, CANCELLED):
            self.status = "error"

    def add_done_callback(self, tell: Callable[[Future], None]) -> None:
        tell(self)

    def result(self, timeout: float) -> Any:
        if isinstance(self.fate, BaseException):
            raise self.fate
        assert self.fate is not None
        return self.fate

    def exception(self, timeout: float) -> Any:
        return self.fate


class Client:
    """Gives each order its fate, in turn; then all goes well, as `answer` says."""

    def __init__(self, fates: Iterator[Any], answer: Callable[[str], Any]) -> None:
        self.fates, self.answer = fates, answer
        self.keys, self.sent = list[str](), list[bytes | None]()

    def submit(self, _: Any, order: str, sent: bytes | None, *, key: str, **__: Any) -> Future:
        self.keys.append(key)
        self.sent.append(sent)
        fate = next(self.fates, self.answer)
        return Future(fate(order) if callable(fate) else fate)

    def subscribe_topic(self, topic: str, hear: Any) -> None: ...

    def cancel(self, futures: list[Future]) -> None: ...


class Link:
    """A scheduler with two workers; its connection is cut as often as a test says."""

    where = "tcp://s:1"

    def __init__(self, *fates: Any, answer: Callable[[str], Any], cuts: int = 0) -> None:
        self.client, self.cuts, self.renewals = Client(iter(fates), answer), cuts, 0

    @property
    def stands(self) -> bool:
        return self.cuts == 0

    def offers(self) -> dict[str, frozenset[str]]:
        return {f"tcp://w:{number}": frozenset({"cpu"}) for number in range(2)}

    def renew(self) -> None:
        self.cuts, self.renewals = self.cuts - 1, self.renewals + 1


class KilledWorker(Exception):  # noqa: N818 - Dask's name
    """As Dask has it."""

    allowed_failures = 3
