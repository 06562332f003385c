"""Measures pieces of work: what each launches, and how long the machine at hand takes for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from harness.calibrate.timing import median_seconds
from harness.calibrate.work import Work, kernels_of_work
from harness.devices.calibration import Case

__all__ = ["measure"]


def measure(works: Sequence[Work], started: Callable[[str], None]) -> list[Case]:
    """Count and time each piece of work; `started` is told the name of each before."""
    cases = []
    for work in works:
        started(work.name)
        cases.append(_measured(work))
    return cases


def _measured(work: Work) -> Case:
    return Case(
        name=work.name,
        kernels=kernels_of_work(work),
        seconds=median_seconds(work),
        group=work.group,
        parallel=work.parallel,
    )
