"""Times pieces of work, warm, in rounds, with as many threads as a trial would use."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch

from harness.cost_model.calibrate.work import Step, Work
from harness.measure.clock import Stopwatch

__all__ = ["ROUNDS", "seconds_of"]

ROUNDS = 3
LONG_S = 0.1  # what takes so long is run once a round
MOST_RUNS = 10


@dataclass(frozen=True)
class _Prepared:
    work: Work
    run: Step
    runs: int  # a round


def seconds_of(works: Sequence[Work], started: Callable[[str], None]) -> list[float]:
    """Return what a run of each piece of work takes: the median of a round, in the best of three.

    Other processes, other machines on the same host and a hot processor slow a machine down for
    seconds at a time, and nothing speeds it up. The rounds go through all the work, so that such a
    time spoils one round of some, but hardly all rounds of any.

    Args:
        works: what to time; all of it is kept in memory.
        started: is told the name of each piece of work in each round, and before when it is warmed
            up: `ROUNDS` + 1 times.
    """
    prepared = []
    for work in works:
        started(work.name)
        prepared.append(_prepared(work))
    rounds = []
    for _ in range(ROUNDS):
        times = []
        for each in prepared:
            started(each.work.name)
            times.append(_median_seconds(each))
        rounds.append(times)
    return [min(times) for times in zip(*rounds, strict=True)]


def _prepared(work: Work) -> _Prepared:
    """Run it for the first time: optimizers get their state, and memory is taken."""
    with _threads(parallel=work.parallel):
        run = work.prepare(torch.device("cpu"))
        first = _seconds(run)
    return _Prepared(work, run, max(1, min(MOST_RUNS, int(LONG_S / first))))


def _median_seconds(prepared: _Prepared) -> float:
    with _threads(parallel=prepared.work.parallel):
        return median(_seconds(prepared.run) for _ in range(prepared.runs))


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
