"""Estimates of many searches, a few at a time."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial

from harness.cost_model.profile import Kernel
from harness.plugins.loading import in_one_line, load_plugins
from harness.runtime.forkserver import interruptible, processes, start_server
from harness.runtime.threads import usable_cores
from harness.tracing.search import Search

__all__ = ["Estimate", "estimate", "estimate_all"]


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
    """Estimate every search, on all cores; `done` is called with each, in order.

    Args:
        searches: what to estimate.
        done: is called with each estimate.
        ranges: whether to find out the range of memory where it depends on values.

    Returns:
        The estimates in the order of the searches. One that failed has its `error` set.
    """
    found = []
    for each in _estimates(partial(estimate, ranges=ranges), searches):
        done(each)
        found.append(each)
    return found


def _estimates(
    work: Callable[[Search], Estimate], searches: Sequence[Search]
) -> Iterator[Estimate]:
    workers = min(usable_cores(), len(searches))
    if workers < 2:
        yield from map(work, searches)
        return
    context = processes(["harness.tracing.trace", "torch._dynamo"])
    start_server(context)
    pool = ProcessPoolExecutor(
        workers, mp_context=context, initializer=interruptible, initargs=(signal.SIGINT,)
    )
    try:
        yield from pool.map(work, searches)
    finally:
        pool.shutdown(cancel_futures=True)


def estimate(search: Search, *, ranges: bool = True) -> Estimate:
    """Trace a search on shapes; with `ranges`, where a method looks at values, its extremes too.

    A method that fails fails alone: the estimate says how. All cores belong to searches, so that
    each has one thread.
    """
    # Imported here, in the worker: the parent has no need of torch.
    import torch  # noqa: PLC0415 - see above

    from harness.runtime.seeding import (  # noqa: PLC0415 - see above
        INITIAL_WEIGHTS,
        seed_generators,
    )
    from harness.tracing.trace import trace, trace_range  # noqa: PLC0415 - see above
    from harness.tracing.workload import workload_of  # noqa: PLC0415 - see above

    torch.set_num_threads(1)
    plugins = load_plugins()
    try:
        workload = workload_of(plugins, search)
        seed_generators(search.seed, INITIAL_WEIGHTS)
        traced = trace(workload)
        peaks = [traced.peak_bytes]
        if ranges and traced.reads_values:
            peaks += trace_range(workload, traced.binding)
    except Exception as error:
        return Estimate(search, error=in_one_line(error))
    return Estimate(search, max(peaks), min(peaks), traced.storage_bytes, traced.kernels)
