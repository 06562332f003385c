"""Measures pieces of work: what each launches, and how long the machine at hand takes for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.cost_model.calibrate.timing import ROUNDS, seconds_of
from harness.cost_model.calibrate.work import Work, kernels_of_work
from harness.cost_model.fit import Case

__all__ = ["STAGES", "measure"]

STAGES = ROUNDS + 2
"""How often `measure` begins with each piece of work: to count, to warm up, and to time it."""


def measure(works: Sequence[Work], started: Callable[[str], None]) -> list[Case]:
    """Count and time pieces of work; `started` is told the name each time that one begins."""
    kernels = []
    for work in works:
        started(work.name)
        kernels.append(kernels_of_work(work))
    seconds = seconds_of(works, started)
    return [
        Case(work.name, launched, taken, group=work.group, parallel=work.parallel)
        for work, launched, taken in zip(works, kernels, seconds, strict=True)
    ]
