"""Times pieces of work, warm, with as many threads as a trial would use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median

import torch

from harness.calibrate.work import Step, Work
from harness.measure.clock import Stopwatch

__all__ = ["median_seconds"]

ENOUGH_S = 0.5
FEWEST, MOST = 3, 15


def median_seconds(work: Work) -> float:
    """Return the median of several runs, after one in which optimizers got their state.

    A small piece of work runs more often: it takes longer to get warm, and is disturbed more.
    """
    with _threads(parallel=work.parallel):
        run = work.prepare(torch.device("cpu"))
        run()
        times = [_seconds(run) for _ in range(FEWEST)]
        more = min(MOST, int(ENOUGH_S / max(times))) - FEWEST
        return median([*times, *(_seconds(run) for _ in range(more))])


def _seconds(run: Step) -> float:
    stopwatch = Stopwatch()
    with stopwatch.running():
        run()
    return stopwatch.seconds


@contextmanager
def _threads(*, parallel: bool) -> Iterator[None]:
    """Compute with one thread or all inside, as `runner.threads` has it."""
    threads = torch.get_num_threads()
    if not parallel and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
