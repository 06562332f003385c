"""What methods cost on photos, from shapes alone, finishing included; and the limits of that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass, replace
from functools import partial
from pathlib import Path

from harness.contracts import (
    DataRequest,
    Deployable,
    DerivesNetwork,
    SearchContext,
)
from harness.cost_model.profile import (
    Kernel,
    Prediction,
    predict_seconds,
)
from harness.devices.profile import DeviceProfile
from harness.estimates.cache import EstimateCache, EstimatedCosts
from harness.estimates.estimates import Estimate, estimate_all, plan_searches
from harness.experiment.suite import SuiteEntry
from harness.plugins.loading import Plugins
from harness.plugins.selection import recreate
from harness.search.supernet_method import SupernetMethod
from harness.space.architecture import architecture_of
from harness.space.deployed import DeployedNetwork
from harness.space.genotype import Edge, Genotype
from harness.space.spec import METANAS, NODES
from harness.tracing.search import Search
from harness.tracing.trace import trace
from harness.tracing.workload import workload_of
from harness.trials.full_task import Finishing
from harness.trials.runner import RunRequest

__all__ = ["Cost", "Limits", "costs_of", "power_of"]

LAUNCH_S, FLOPS_S, BYTES_S = 2e-5, 1e10, 5e9  # of a nominal core; only their proportions matter


@dataclass(frozen=True)
class Cost:
    """What a method would hold, store and take; numbers are missing where an error tells why.

    Attributes:
        label: the method, as people type it.
        peak_bytes: peak memory, the largest that its choices can lead to: of the search, or of the
            network that is derived from it and finished, whichever needs more.
        storage_bytes: what the device stores before it searches.
        time: of all epochs; None where the device has no cost model.
        power_w: watts that the device draws meanwhile; None where its profile does not say.
        error: why there are no numbers.
        work: of all epochs, what they come to in seconds of a nominal core: to rank methods by.
    """

    label: str
    peak_bytes: int | None = None
    storage_bytes: int | None = None
    time: Prediction | None = None
    error: str = ""
    work: float = 0.0
    power_w: float | None = None

    @property
    def energy_j(self) -> Prediction | None:
        """What all epochs take in joules: as many watts for the predicted time."""
        if self.time is None or self.power_w is None:
            return None
        return Prediction(*(self.power_w * each for each in astuple(self.time)))


@dataclass(frozen=True)
class Limits:
    """What must not be exceeded; None: it may be whatever it is."""

    memory_bytes: int | None
    seconds: float | None
    joules: float | None = None

    def lack_memory(self, cost: Cost) -> bool:
        """Tell whether a method needs more memory than there is."""
        return self.memory_bytes is not None and (cost.peak_bytes or 0) > self.memory_bytes

    def fault(self, cost: Cost) -> str:
        """Say what of a method is beyond a limit; empty if nothing is."""
        if cost.error:
            return f"cannot be estimated: {cost.error}"
        if self.lack_memory(cost):
            return "needs more memory than there is"
        if self.seconds is not None and cost.time is not None and cost.time.high_s > self.seconds:
            return "may take longer than there is time"
        energy = cost.energy_j
        if self.joules is not None and energy is not None and energy.high_s > self.joules:
            return "may take more energy than there is"
        return ""


def costs_of(
    plugins: Plugins,
    request: RunRequest,
    finish_epochs: int,
    cache_root: Path,
    say: Callable[[str], None],
) -> list[Cost]:
    """Estimate the methods of a request at the width that it has.

    Args:
        plugins: where names are looked up.
        request: of photos, with one device.
        finish_epochs: of its epochs, those in which a derived network learns alone.
        cache_root: where photos and estimates are kept.
        say: reports sentences to the person.

    Returns:
        The costs in the order of the request's methods.
    """
    entry = SuiteEntry.model_validate(request.wanted)
    searches = plan_searches(plugins, [entry], DataRequest(None, cache_root, say))
    parts = [_parts_of_derived(plugins, search) if finish_epochs else None for search in searches]
    alone = [
        _with_epochs(search, search.budget.epochs - (finish_epochs if number else 0))
        for search, number in zip(searches, parts, strict=True)
    ]
    cache = EstimateCache(plugins, cache_root, say)
    estimates = estimate_all(alone, lambda *_: None, cache=cache)
    last = _with_epochs(searches[0], finish_epochs)
    after = {each: _finishing_cost(plugins, last, each, cache) for each in set(parts) if each}
    return [
        _cost(each, after[number] if number else None)
        for each, number in zip(estimates, parts, strict=True)
    ]


def _parts_of_derived(plugins: Plugins, search: Search) -> int | None:
    """Return in how many parts of a batch a derived network learns on; None if there is none."""
    method = recreate(plugins, "method", search.method, search.params).create()
    if not isinstance(method, DerivesNetwork):
        return None
    return method.parts.number if isinstance(method, SupernetMethod) else 1


def _with_epochs(search: Search, epochs: int) -> Search:
    """Return a search with so many epochs, and with neither limit nor seed, so that all find one.

    A limit costs nothing. What a method draws, such as random architectures, it draws as with any
    seed: a sample of what it may need, where that depends on it.
    """
    changes = {"epochs": epochs, "finish_epochs": 0, "memory_mb": None}
    budget = search.budget.model_copy(update=changes)
    return replace(search, budget=budget, seed=0)


def _cost(estimate: Estimate, after: EstimatedCosts | None) -> Cost:
    label, costs = estimate.search.label, estimate.costs()
    if costs is None:
        return Cost(label, error=estimate.error)
    kernels, peak = Counter(costs.launches()), costs.peak_bytes
    if after is not None:
        kernels.update(after.launches())
        peak = max(peak, after.peak_bytes)
    (device,) = estimate.search.devices
    time = None
    if device.cost is not None:
        time = predict_seconds(device.cost, kernels, parallel=estimate.search.uses_threads)
    sizes = peak, costs.storage_bytes
    return Cost(label, *sizes, time, work=_work(kernels), power_w=power_of(device))


def power_of(device: DeviceProfile) -> float | None:
    """Return the watts that a device draws while it computes, if its profile says so."""
    return device.compute.busy_w if device.compute else None


def _work(kernels: Mapping[Kernel, int]) -> float:
    """Return about what kernels come to: each is launched, then computes or moves its bytes."""
    return sum(
        count * (LAUNCH_S + max(kernel.flops / FLOPS_S, kernel.bytes / BYTES_S))
        for kernel, count in kernels.items()
    )


# The epochs in which a derived network learns alone


def _finishing_cost(
    plugins: Plugins, search: Search, parts: int, cache: EstimateCache
) -> EstimatedCosts:
    """Bound what derived networks need, by the one whose only operation needs most.

    The activations of one operation live at a time, so that a mixture has no more of them. But
    others of its operations may have more weights; each lives with its gradient, its second moment
    and, in an update, one value more.
    """
    named = replace(search, params={"the derived network, in parts": parts})
    if known := cache.find(named):
        return known
    workload = workload_of(plugins, search)
    space = workload.context.space or METANAS
    creates = [partial(_OneOperation, space.operations[column], parts) for column in space.derived]
    networks = [replace(workload, create=create) for create in creates]
    short = {max(workload.batch_sizes): 1}  # enough to see which needs most
    traces = [trace(replace(each, batch_sizes=short)) for each in networks]
    peaks = [each.peak_bytes for each in traces]
    heaviest = peaks.index(max(peaks))
    stored = [each.storage_bytes for each in traces]
    traced = trace(networks[heaviest])
    peak = traced.peak_bytes + 4 * (max(stored) - stored[heaviest])
    costs = EstimatedCosts.of(peak, peak, max(stored), traced.kernels)
    cache.keep(named, costs)
    return costs


class _OneOperation(Finishing):
    """Finishes the network that has one operation on every edge: a method, to who traces it."""

    def __init__(self, operation: str, parts: int) -> None:
        edges = Edge(0, operation), Edge(1, operation)  # in a reduction cell these are the largest
        self.genotype = Genotype(normal=(edges,) * NODES, reduction=(edges,) * NODES)
        self.micro_batches = parts

    def build(self, context: SearchContext) -> None:
        """Build the network."""
        architecture = architecture_of(
            self.genotype,
            image_shape=context.image_shape,
            classes=context.classes,
            channels=context.channels,
        )
        state = DeployedNetwork(architecture).state_dict()
        super().__init__(Deployable(architecture, state, self.micro_batches), context)
