"""From a request to estimates: the searches that it means, and each estimated, a few at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from itertools import product

from harness.contracts import (
    ArchitectureSpace,
    BuildsNetwork,
    DataRequest,
    DatasetForm,
    DatasetProvider,
    DescribedProvider,
    Device,
)
from harness.cost_model.profile import Kernel
from harness.errors import UsageError
from harness.estimates.cache import EstimateCache, EstimatedCosts
from harness.experiment.budget import Budget, parse_budget, parse_seeds
from harness.experiment.suite import SuiteEntry
from harness.plugins.loading import Plugins, in_one_line, load_plugins
from harness.plugins.registry import Kind
from harness.plugins.selection import Selection, select
from harness.plugins.spaces import (
    check_evaluators,
    find_space,
    score_of,
    searched_by,
    space_counts,
)
from harness.runtime.determinism import usable_cores
from harness.runtime.forkserver import NotStartedError, begin_pooled, processes, start_server
from harness.runtime.interpreters import end_of_stderr, spawn_safely, told
from harness.space.spec import SearchSpace
from harness.tracing.search import Search, form_of

__all__ = [
    "Estimate",
    "estimate",
    "estimate_all",
    "plan_searches",
]


def plan_searches(
    plugins: Plugins, entries: Iterable[SuiteEntry], request: DataRequest
) -> list[Search]:
    """Return the searches of all entries, each once, with all devices it is requested for.

    A data set is prepared only if its provider does not know its form.

    Raises:
        UsageError: a name, parameter or budget is wrong.
        DataError: a data set had to be prepared and is not there.
    """
    searches: dict[str, Search] = {}
    for entry in entries:
        for search in _expand(plugins, entry, request):
            setting = search.dataset, search.setting, search.budget, search.space.name
            key = repr((search.label, *setting))
            known = searches.get(key)
            devices = (*known.devices, *search.devices) if known else search.devices
            unique = {device.name: device for device in devices}
            searches[key] = replace(known or search, devices=tuple(unique.values()))
    return list(searches.values())


def _expand(plugins: Plugins, entry: SuiteEntry, request: DataRequest) -> Iterable[Search]:
    if not entry.methods:
        raise UsageError("no method was named; give one with --method, or name a suite")
    budget, (seed, *_) = parse_budget(entry.budget), parse_seeds(entry.seeds)
    space = find_space(plugins, entry.space)
    methods = _select(plugins, searched_by(plugins, space, entry.methods), entry.methods)
    check_evaluators(plugins, space, methods)
    if not space.has_supernet:
        _check_scores(plugins, methods, space)
    devices: list[Device] = [each.create() for each in _select(plugins, "device", entry.devices)]
    for dataset, method in product(_select(plugins, "dataset", entry.datasets), methods):
        form = _form(dataset.create(), request)
        if space.has_supernet == (form.kind == "tabular"):
            needed = "images to train on" if space.has_supernet else "a table"
            raise UsageError(
                f"the space '{space.name}' needs {needed}, and data set '{dataset.name}' has none"
            )
        yield Search(
            method=method.name,
            params=method.params,
            label=method.label,
            dataset=dataset.label,
            form=form,
            setting=entry.setting(form.kind),
            budget=budget if space.has_supernet else Budget(evaluations=budget.evaluations),
            seed=seed,
            devices=tuple(device.profile for device in devices),
            space=space,
        )


def _check_scores(
    plugins: Plugins, searches: Sequence[Selection], space: SearchSpace | ArchitectureSpace
) -> None:
    """Raise a UsageError where an evaluation by a search takes no memory."""
    for search in searches:
        score = score_of(plugins, search)
        if score is None or space_counts(space, score.name) or not isinstance(space, BuildsNetwork):
            raise UsageError(
                f"search '{search.label}' computes no network of the space '{space.name}', so "
                "there is no memory to estimate; with a score there is, such as "
                f"{search.name}[evaluator=naswot]"
            )


def _select(plugins: Plugins, kind: Kind, texts: Sequence[str]) -> list[Selection]:
    return [selection for text in texts for selection in select(plugins, kind, text)]


def _form(provider: DatasetProvider, request: DataRequest) -> DatasetForm:
    form = provider.form() if isinstance(provider, DescribedProvider) else None
    if form is not None:
        return form
    return form_of(provider.prepare(request))


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

    def costs(self) -> EstimatedCosts | None:
        """Return what is to be kept; None if it failed."""
        peak, lowest, storage = self.peak_bytes, self.lowest_bytes, self.storage_bytes
        if peak is None or lowest is None or storage is None or self.kernels is None:
            return None
        return EstimatedCosts.of(peak, lowest, storage, self.kernels)


def estimate_all(
    searches: Sequence[Search],
    done: Callable[[int, int, Estimate], None],
    *,
    ranges: bool = True,
    cache: EstimateCache | None = None,
) -> list[Estimate]:
    """Estimate every search, on all cores, except those that are known.

    Args:
        searches: what to estimate.
        done: is called with how many estimates are finished, how many there are, and the last one.
        ranges: whether to find out the range of memory where it depends on values.
        cache: keeps estimates with their ranges between calls; those that failed are not kept.

    Returns:
        The estimates in the order of the searches. One that failed has its `error` set.
    """
    found: dict[int, Estimate] = {}

    def add(number: int, estimate: Estimate) -> None:
        found[number] = estimate
        done(len(found), len(searches), estimate)

    for number, search in enumerate(searches):
        if known := cache.find(search) if cache else None:
            add(number, _known_estimate(search, known))
    groups = _alike({number: each for number, each in enumerate(searches) if number not in found})
    work = partial(_estimate_each, ranges=ranges)
    batches = [[searches[number] for number in numbers] for numbers in groups]
    for numbers, estimates in zip(groups, _estimates(work, batches), strict=True):
        for number, each in zip(numbers, estimates, strict=True):
            if cache and (costs := each.costs()):
                cache.keep(each.search, costs)
            add(number, each)
    return [found[number] for number in range(len(searches))]


def _known_estimate(search: Search, known: EstimatedCosts) -> Estimate:
    return Estimate(
        search, known.peak_bytes, known.lowest_bytes, known.storage_bytes, known.launches()
    )


def _alike(searches: Mapping[int, Search]) -> list[list[int]]:
    """Group the numbers of searches that share most of their passes: one process does a group."""
    groups: dict[object, list[int]] = {}
    for number, each in searches.items():
        alike = each.label, each.form.image_shape, each.channels, each.space.name
        groups.setdefault(alike, []).append(number)
    return list(groups.values())


def _estimates(
    work: Callable[[Sequence[Search]], list[Estimate]], batches: Sequence[Sequence[Search]]
) -> Iterator[list[Estimate]]:
    workers = min(usable_cores(), len(batches))
    if workers < 2:
        yield from map(work, batches)
        return
    context = processes(["harness.tracing.trace", "torch._dynamo"])
    start_server(context)
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=begin_pooled)
    try:
        with spawn_safely():
            estimates = pool.map(work, batches)
        yield from estimates
    except BrokenProcessPool:
        raise NotStartedError(
            "a process that estimates has ended, most likely for lack of memory; estimate fewer "
            f"methods or budgets at a time{told(end_of_stderr())}"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _estimate_each(searches: Sequence[Search], *, ranges: bool) -> list[Estimate]:
    return [estimate(search, ranges=ranges) for search in searches]


def estimate(search: Search, *, ranges: bool = True) -> Estimate:
    """Trace a search on shapes; with `ranges`, where a method looks at values, its extremes too.

    A method that fails fails alone: the estimate says how. All cores belong to searches, so that
    each has one thread.
    """
    # Imported here, in the worker: the parent has no need of torch.
    import torch  # noqa: PLC0415 - see above

    from harness.runtime.determinism import (  # noqa: PLC0415 - see above
        INITIAL_WEIGHTS,
        seed_generators,
    )
    from harness.tracing.trace import (  # noqa: PLC0415 - see above
        trace,
        trace_evaluations,
        trace_range,
    )
    from harness.tracing.workload import workload_of  # noqa: PLC0415 - see above

    # The first optimizer imports it, and what lives then would be counted for as long as the trace.
    import_module("torch._dynamo")
    torch.set_num_threads(1)
    plugins = load_plugins()
    try:
        if search.kind == "search":
            lowest, highest = trace_evaluations(plugins, search)
            return Estimate(search, highest, lowest)
        workload = workload_of(plugins, search)
        seed_generators(search.seed, INITIAL_WEIGHTS)
        traced = trace(workload)
        peaks = [traced.peak_bytes]
        if ranges and traced.reads_values:
            peaks += trace_range(workload, traced.binding)
    except Exception as error:
        return Estimate(search, error=in_one_line(error))
    return Estimate(search, max(peaks), min(peaks), traced.storage_bytes, traced.kernels)
