"""Estimates one search."""

from __future__ import annotations

import torch

from harness.contracts import SearchContext, SearchMethod
from harness.estimate.estimates import Estimate
from harness.estimate.latency import latency_of
from harness.estimate.planning import Search
from harness.estimate.tracing import trace, trace_range
from harness.estimate.workload import Workload, cut
from harness.experiment.setting import FewShotSetting
from harness.plugins.loading import Plugins, in_one_line, load_plugins
from harness.plugins.selection import recreate
from harness.runtime.seeding import INITIAL_WEIGHTS, seed_generators

__all__ = ["estimate", "workload_of"]


def estimate(search: Search, *, ranges: bool = True) -> Estimate:
    """Trace a search on shapes; with `ranges`, where a method looks at values, its extremes too.

    A method that fails fails alone: the estimate says how.
    """
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


def workload_of(plugins: Plugins, search: Search) -> Workload:
    """Return what is to be traced, as the runner would do it."""

    def create() -> SearchMethod:
        method: SearchMethod = recreate(plugins, "method", search.method, search.params).create()
        return method

    few_shot = isinstance(search.setting, FewShotSetting)
    costs = [device.cost for device in search.devices if device.cost is not None]
    context = SearchContext(
        image_shape=search.form.image_shape,
        classes=search.classes,
        channels=search.channels,
        budget=search.budget,
        steps=search.steps,
        device=torch.device("meta"),
        generator=seed_generators(search.seed, "method", 0),
        operation_latency=latency_of(costs[0], search.form.image_shape, search.channels)
        if costs
        else None,
    )
    sizes = cut(search.images, search.setting.batch_size)
    return Workload(create, context, sizes, resident=few_shot, halves=not few_shot)
