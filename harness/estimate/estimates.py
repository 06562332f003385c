"""Estimates of many searches, a few at a time."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from harness.cost_model.kernels import Kernel
from harness.estimate.planning import Search
from harness.runtime.forkserver import interruptible, processes, start_server
from harness.runtime.threads import usable_cores

__all__ = ["Estimate", "estimate_all"]


@dataclass(frozen=True)
class Estimate:
    """What a search would hold and launch, or why that is not known.

    Attributes:
        peak_bytes: peak memory of the search steps; where it depends on values, the largest.
        lowest_bytes: the smallest that it could be; equal to `peak_bytes` where values do not
            matter.
        storage_bytes: what a device has to store before it searches.
        kernels: how often the search steps together launch each kernel.
        error: what went wrong; then the numbers are missing.
    """

    search: Search
    peak_bytes: int | None = None
    lowest_bytes: int | None = None
    storage_bytes: int | None = None
    kernels: Mapping[Kernel, int] | None = None
    error: str = ""


def estimate_all(
    searches: Sequence[Search], done: Callable[[Estimate], None], *, ranges: bool = True
) -> list[Estimate]:
    """Estimate every search, on all cores; `done` is told of each, in order.

    Args:
        searches: what to estimate.
        done: is called with each estimate.
        ranges: whether to find out the range of memory where it depends on values.

    Returns:
        The estimates in the order of the searches. One that failed has its `error` set.
    """
    found = []
    for estimate in _estimates(partial(_estimate, ranges=ranges), searches):
        done(estimate)
        found.append(estimate)
    return found


def _estimates(
    estimate: Callable[[Search], Estimate], searches: Sequence[Search]
) -> Iterator[Estimate]:
    workers = min(usable_cores(), len(searches))
    if workers < 2:
        yield from map(estimate, searches)
        return
    context = processes(["harness.estimate.work", "torch._dynamo"])
    start_server(context)
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=interruptible, initargs=(signal.SIGINT,)
    )
    try:
        yield from pool.map(estimate, searches)
    finally:
        pool.shutdown(cancel_futures=True)


def _estimate(search: Search, *, ranges: bool) -> Estimate:
    # Imported here, in the worker: the parent has no need of torch.
    from harness.estimate.work import estimate  # noqa: PLC0415 - see above

    return estimate(search, ranges=ranges)
