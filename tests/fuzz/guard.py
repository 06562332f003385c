"""Watches one call: what it writes and where, and how much of the processor it takes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["TookTooLongError", "watched_writes", "within_seconds"]

WRITES = {"os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.symlink", "os.link", "os.truncate"}
NOWHERE = ("/dev/null", "/dev/shm")  # noqa: S108 - what libraries share memory by
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND

# The interpreter never lets go of an audit hook, so that there is one, which a call turns on.
_written: list[str] | None = None


class TookTooLongError(BaseException):
    """A call that took more of the processor than it may; nothing it does catches this."""


@contextmanager
def watched_writes(allowed: Sequence[Path]) -> Iterator[list[str]]:
    """Give a list that has, after the call, each path that was written outside `allowed`."""
    global _written  # noqa: PLW0603 - see above
    outside: list[str] = []
    _written = []
    try:
        yield outside
    finally:
        places = [os.path.realpath(path) for path in allowed]
        for path in _written:
            real = os.path.realpath(path)
            if not any(real == place or real.startswith(place + os.sep) for place in places):
                outside.append(path)
        _written = None


@contextmanager
def within_seconds(seconds: float) -> Iterator[None]:
    """Raise TookTooLongError after so many seconds of the processor, not of the clock."""

    def stop(_signum: int, _frame: FrameType | None) -> None:
        raise TookTooLongError(f"more than {seconds} s of the processor")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _written is None:
        return
    if event == "open" and isinstance(arguments[2], int) and not arguments[2] & WRITING:
        return
    if event == "open" or event in WRITES:
        path = arguments[0]
        named = isinstance(path, (str, bytes, os.PathLike))
        if named and not os.fsdecode(path).startswith(NOWHERE):
            _written.append(os.path.abspath(os.fsdecode(path)))  # noqa: PTH100 - at this moment


sys.addaudithook(_hear)
