"""What the machine of a worker is at: one thing at a time, each in a process of its own."""

from __future__ import annotations

import multiprocessing
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

from harness.errors import HarnessError
from harness.executors.dask.meta_worker import Pupil
from harness.plugins.loading import in_one_line
from harness.runtime.job import LessonsJob
from harness.runtime.process import StopSignal, TrialProcesses

__all__ = ["Machine", "guarded", "machine_at"]

A = TypeVar("A")


class Machine:
    """Keeps the process that learns tasks of a pretraining, since the next task is soon there."""

    def __init__(self) -> None:
        """Be at nothing."""
        self.lock = threading.Lock()
        self._pupil: Pupil | None = None

    def pupil(self, run: str, job: LessonsJob, stopping: StopSignal) -> Pupil:
        """Return the process of a run's pretraining; that of another one ends.

        Args:
            run: of which the pretraining is.
            job: says which it is.
            stopping: ends the process when it goes up, in the place of an earlier signal.
        """
        if self._pupil is None or not self._pupil.serves(run, job):
            self.dismiss()
            self._pupil = Pupil(run, job)
        self._pupil.stopping.signal = stopping
        return self._pupil

    def dismiss(self) -> None:
        """End the process that learns, if there is one: something else comes."""
        if self._pupil is not None:
            self._pupil.close()
        self._pupil = None


# A worker with several threads, or with resources for several devices, is one machine all the same.
_machines: dict[str, Machine] = defaultdict(Machine)


@contextmanager
def machine_at(address: str) -> Iterator[Machine]:
    """Wait until the machine of a worker is at nothing, and have it until the context ends."""
    with _machines[address].lock:
        _allow_children()
        _warm_up()
        yield _machines[address]


def guarded(work: Callable[[], A], other: Callable[[str, str], A]) -> A:
    """Return what `work` returns; if it raises, what `other` makes of it.

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
    TrialProcesses().warm_up()


def _allow_children() -> None:
    """Let this process have children of its own, where it is itself the child of Dask's nanny.

    Python forbids them to a process that ends with its parent, lest they outlive it. A trial's
    process does not: it ends by itself as soon as the worker is gone.
    """
    process = multiprocessing.current_process()
    if process.daemon:
        process.daemon = False
