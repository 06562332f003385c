"""The Dask worker that this code runs in."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.runtime.process import StopSignal

__all__ = ["AbandonedSignal", "WorkerContext", "end_of", "topic_of"]

LOOK_EVERY_S = 0.5
WANTED = {"executing", "long-running", "resumed"}


def topic_of(run: str) -> str:
    """Name the topic of a run's progress."""
    return f"harness-{run}"


@dataclass(frozen=True)
class WorkerContext:
    """A worker, and the task that one of its threads is at."""

    worker: Any
    key: Any

    @classmethod
    def here(cls) -> WorkerContext:
        """Return that of the thread that asks."""
        from distributed import get_worker  # noqa: PLC0415 - there is one only where Dask is

        worker = get_worker()
        return cls(worker, worker.get_current_task())

    @property
    def address(self) -> str:
        """Where it is to be reached."""
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
        """Return a signal that is set once nobody has wanted the task for so long."""
        return AbandonedSignal(self, patience_s)


class AbandonedSignal:
    """Goes up by itself: Dask cannot stop a task that a thread is at, nor tell it anything."""

    def __init__(self, context: WorkerContext, patience_s: float) -> None:
        """Look at the task of `context` whenever asked, but not all the time."""
        self._context, self._patience_s = context, patience_s
        self._wanted_at = self._looked_at = time.monotonic()
        self._is_set = False

    def set(self) -> None:
        """Put it up."""
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


LONGEST_LOG = 2**20  # characters


def end_of(log: Path) -> str:
    """Return the text of a log, or its end; nothing if there is none."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    if len(text) <= LONGEST_LOG:
        return text
    return f"[the first {len(text) - LONGEST_LOG:,} characters are left out]\n{text[-LONGEST_LOG:]}"
