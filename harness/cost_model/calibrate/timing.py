"""Times pieces of work, warm, in rounds, with as many threads as a trial would use.

The same work is counted on shapes alone, so that each time stands beside the kernels that it
was spent on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median

import torch

from harness.cost_model.calibrate.fit import Case
from harness.cost_model.profile import Kernel
from harness.measure import Stopwatch
from harness.measure.memory import MemoryCounter
from harness.tracing.fake_values import FakeValues
from harness.tracing.shapes import ShapeMode

__all__ = ["ROUNDS", "STAGES", "Step", "Work", "kernels_of_work", "measure", "seconds_of"]

Step = Callable[[], object]


@dataclass(frozen=True)
class Work:
    """A piece of work that can be timed, and counted on shapes.

    Attributes:
        name: what it is called.
        prepare: makes it on a device; what it returns runs it once.
        parallel: whether several threads are to run it.
        group: what it is part of, see `harness.cost_model.calibrate.processor.fit_processor`.
    """

    name: str
    prepare: Callable[[torch.device], Step]
    parallel: bool
    group: str = ""


def kernels_of_work(work: Work) -> Mapping[Kernel, int]:
    """Count what the second run launches: in the first, optimizers get their state."""
    shapes = ShapeMode(FakeValues(torch.Generator().manual_seed(0)), MemoryCounter("meta"))
    with shapes, shapes.optimizers_told_apart():
        run = work.prepare(torch.device("meta"))
        run()
        with shapes.counting() as kernels:
            run()
    return kernels


ROUNDS = 3
LONG_S = 0.1  # what takes so long is run once a round
MOST_RUNS = 10


@dataclass(frozen=True)
class _Prepared:
    work: Work
    run: Step
    runs: int  # a round


def seconds_of(works: Sequence[Work], started: Callable[[str], None]) -> list[float]:
    """Return the seconds of a run of each piece of work: a round's median, in the best of three.

    Other processes, other virtual machines and a hot processor slow a machine down for seconds at a
    time, and nothing speeds it up. Each round goes through all pieces of work, so that such a time
    spoils one round of some, but hardly all rounds of any.

    Args:
        works: what to time; all of it is kept in memory.
        started: is called with the name of each piece of work when it is warmed up and in each
            round: `ROUNDS` + 1 times.
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
    """Prepare work and run it once, so that optimizers have their state, and memory is taken."""
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
    """Use one thread or all of them inside, as trials do (`harness.runtime.determinism`)."""
    threads = torch.get_num_threads()
    if not parallel and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


STAGES = ROUNDS + 2
"""How often `measure` begins with each piece of work: to count, to warm up, and to time it."""


def measure(works: Sequence[Work], started: Callable[[str], None]) -> list[Case]:
    """Count and time pieces of work; `started` is called with its name each time one begins."""
    kernels = []
    for work in works:
        started(work.name)
        kernels.append(kernels_of_work(work))
    seconds = seconds_of(works, started)
    return [
        Case(work.name, launched, taken, group=work.group, parallel=work.parallel)
        for work, launched, taken in zip(works, kernels, seconds, strict=True)
    ]
