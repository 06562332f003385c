"""Traces a search: runs a few of its steps on shapes alone, and counts memory and kernels."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from itertools import takewhile

import numpy as np
import torch
from torch import nn

from harness.contracts import (
    BlackBoxSearch,
    BuildsNetwork,
    DatasetForm,
    SearchTask,
    ZeroCostScore,
)
from harness.cost_model.profile import Kernel, Prediction, predict_seconds
from harness.experiment.trial import Trial
from harness.measure.memory import MemoryCounter
from harness.plugins.loading import Plugins
from harness.plugins.selection import recreate
from harness.plugins.spaces import find_score, planned_space
from harness.runtime.determinism import seed_for
from harness.search.parameters import TableEvaluator
from harness.space.spec import SearchSpace
from harness.tracing.fake_values import HEAVIEST, LIGHTEST, FakeValues, Preference, prefer
from harness.tracing.passes import remembered_passes
from harness.tracing.search import Search
from harness.tracing.shapes import ShapeMode
from harness.tracing.workload import ShapedBatches, Workload, copied_edges, workload_of

__all__ = ["predict_search_time", "trace", "trace_evaluations", "trace_range"]

KEPT_BATCHES = 9  # of a full task in the last step: a method may keep eight to look at again


@dataclass(frozen=True)
class Trace:
    """The memory that a search would take, and the kernels that it would launch.

    Attributes:
        peak_bytes: peak memory of the search steps.
        storage_bytes: what the device has to store before it searches.
        kernels: how often all search steps together launch each kernel.
        reads_values: whether the method has read values, which were fake.
        binding: the batch sizes of a step that needs the most memory.
    """

    peak_bytes: int
    storage_bytes: int
    kernels: Mapping[Kernel, int]
    reads_values: bool
    binding: Sequence[int]


def trace(workload: Workload) -> Trace:
    """Trace a search; values that it reads are noise.

    A few steps stand for all: the first, in which optimizers get their state, with a batch of the
    largest size; one with a batch of each other size; and the last, with all sizes, in which
    running statistics are taken. Memory that a method keeps for more than three steps is not seen.
    """
    largest, *others = workload.batch_sizes
    last = _last_step(workload)
    run = _Run(workload)
    again = others or [largest]  # by then optimizers have state
    run.steps([_TracedStep([largest]), *(_TracedStep([size]) for size in again), _TracedStep(last)])
    first, *later = run.launched
    of_size = {largest: _with_optimizer_of(first, later[0])}
    of_size |= dict(zip(again, later, strict=False))
    at_the_end = run.launched[-1] - _sum(of_size[size] for size in last)
    return Trace(
        peak_bytes=run.peak_bytes,
        storage_bytes=run.storage_bytes,
        kernels=_whole_search(workload, of_size) + at_the_end,
        reads_values=run.shapes.fake_values.reads > 0,
        binding=_binding([largest, *others], run.needed_bytes),
    )


def trace_range(workload: Workload, binding: Sequence[int]) -> tuple[int, int]:
    """Return the lowest and highest peak memory, in bytes, that a method's choices can lead to.

    The lowest is that of always choosing the lightest operations. For the highest, the optimizers
    get their state for all operations before the heaviest ones are updated; a step with one image
    is enough for that.

    Args:
        workload: the search.
        binding: the batch sizes of `Trace.binding`, which no choice changes.
    """
    lowest = min(
        _peak(
            workload, [_TracedStep([1], each), _TracedStep([1], each), _TracedStep(binding, each)]
        )
        for each in LIGHTEST
    )
    filled = _TracedStep([1], HEAVIEST[0], fills_optimizers=True)
    return lowest, _peak(workload, [filled, *(_TracedStep(binding, each) for each in HEAVIEST)])


def _binding(sizes: Sequence[int], needed_bytes: Sequence[int]) -> list[int]:
    """Return the batch sizes whose step needed most; another batch comes first if need be."""
    most = max(range(len(sizes)), key=lambda number: needed_bytes[number])
    return [1, sizes[most]] if most else [sizes[0]]


def _peak(workload: Workload, steps: Sequence[_TracedStep]) -> int:
    run = _Run(workload)
    run.steps(steps)
    return run.peak_bytes


@dataclass(frozen=True)
class _TracedStep:
    """A search step: the sizes of its batches, and what α and β prefer in it.

    With `fills_optimizers`, every parameter is updated in it, whatever the method selects.
    """

    sizes: Sequence[int]
    preference: Preference | None = None
    fills_optimizers: bool = False


@contextmanager
def _without_collection() -> Iterator[None]:
    """Turn garbage collection off: scanning what is remembered would take a fifth of the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class _Run:
    """Search steps on shapes."""

    def __init__(self, workload: Workload) -> None:
        self.workload = workload
        self.counter = MemoryCounter("meta", "cpu")
        self.shapes = ShapeMode(FakeValues(torch.Generator().manual_seed(0)), self.counter)
        self.peak_bytes = self.storage_bytes = 0
        self.launched: list[Counter[Kernel]] = []
        self.needed_bytes: list[int] = []  # of each step, besides what lived before it

    @_without_collection()
    def steps(self, steps: Sequence[_TracedStep]) -> None:
        workload, counter, fake_values = self.workload, self.counter, self.shapes.fake_values
        context = replace(workload.context, steps=len(steps), device=torch.device("meta"))
        context = replace(context, initial_state=workload.initial_state)
        told_apart = self.shapes.optimizers_told_apart()
        with self.shapes, told_apart, remembered_passes(self.shapes):
            method = workload.create()
            with copied_edges(counter):
                method.build(context)
            batches = ShapedBatches(workload, counter, fake_values)
            for step in steps:
                if step.preference is not None:
                    with counter.paused():  # these values are none of the method's
                        prefer(method, step.preference, fake_values)
                self.shapes.fills_optimizers = step.fills_optimizers
                counter.reset_peak()
                before = counter.live_bytes
                with self.shapes.counting() as kernels:
                    method.search_step(batches.of(step.sizes))
                self.peak_bytes = max(self.peak_bytes, counter.peak_bytes)
                self.needed_bytes.append(counter.peak_bytes - before)
                self.launched.append(kernels)
            state = method.state_dict().values()
            self.storage_bytes = sum(each.numel() * each.element_size() for each in state)


def _last_step(workload: Workload) -> list[int]:
    """Return batches of all sizes, one after another: what one leaves alive adds to the next."""
    if workload.resident:
        return list(workload.batch_sizes)
    sizes = workload.batch_sizes.items()
    return [size for size, count in sizes for _ in range(min(count, KEPT_BATCHES))]


def _with_optimizer_of(first: Counter[Kernel], later: Counter[Kernel]) -> Counter[Kernel]:
    """Replace the first step's optimizer kernels, which create state, by those of a later step."""
    return Counter(
        {
            **{kernel: count for kernel, count in first.items() if kernel.kind != "optimizer"},
            **{kernel: count for kernel, count in later.items() if kernel.kind == "optimizer"},
        }
    )


def _whole_search(workload: Workload, of_size: Mapping[int, Counter[Kernel]]) -> Counter[Kernel]:
    total: Counter[Kernel] = Counter()
    for size, count in workload.batch_sizes.items():
        for kernel, launches in of_size[size].items():
            total[kernel] += launches * count * workload.context.steps
    return total


def _sum(counters: Iterable[Counter[Kernel]]) -> Counter[Kernel]:
    total: Counter[Kernel] = Counter()
    for counter in counters:
        total.update(counter)
    return total


# Evaluations by a score, which a black-box search asks for where a table tells accuracies


def trace_evaluations(plugins: Plugins, search: Search) -> tuple[int, int]:
    """Return the least and the most bytes that the largest evaluation of a search can need.

    What is asked for whatever a score says is known, and the two are equal where that is all. What
    is asked for afterwards depends on values: the most that it can need is found by climbing from
    neighbour to neighbour.
    """
    space, selection = search.space, recreate(plugins, "search", search.method, search.params)
    given, shape = selection.parameters, search.form.image_shape
    assert isinstance(space, BuildsNetwork)  # noqa: S101 - checked in planning
    assert isinstance(given, TableEvaluator)  # noqa: S101 - a score is one of its parameters
    score = find_score(plugins, given.evaluator)

    @cache
    def needed(architecture: str) -> int:
        network = space.network(architecture, shape, search.classes)
        return _evaluation_bytes(score, network, (given.batch, *shape))

    told, otherwise = (_questions(selection.create(), search, sign) for sign in (1, -1))
    pairs = zip(told, otherwise, strict=True)
    certain = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    here = max(certain, key=needed)
    lowest = needed(here)
    if len(certain) < len(told):
        while needed(heaviest := max(space.neighbours(here), key=needed)) > needed(here):
            here = heaviest
    return lowest, needed(here)


def _questions(black_box: BlackBoxSearch, search: Search, sign: int) -> list[str]:
    """Return what a search asks for when it is told noise, or the opposite of it."""
    random, noise = (np.random.default_rng(seed_for(search.seed, of)) for of in ("search", "noise"))
    assert not isinstance(search.space, SearchSpace)  # noqa: S101 - which methods search
    black_box.start(SearchTask(search.space, search.steps, random))
    questions = []
    for _ in range(search.steps):
        questions.append(search.space.check(black_box.ask()))
        black_box.tell(questions[-1], sign * noise.random())
    return questions


def _evaluation_bytes(score: ZeroCostScore, network: nn.Module, batch: Sequence[int]) -> int:
    """Return what an evaluation holds: weights, a batch (N, ...), and what the score computes."""
    counter, network = MemoryCounter("meta", "cpu"), network.to("meta")
    images = torch.empty(*batch, device="meta")
    labels = torch.empty(batch[0], dtype=torch.int64, device="meta")
    counter.watch([images, labels, *network.parameters(), *network.buffers()])
    with ShapeMode(FakeValues(torch.Generator().manual_seed(0)), counter):
        score(network, images, labels)
    return counter.peak_bytes


def predict_search_time(plugins: Plugins, trial: Trial, form: DatasetForm) -> Prediction | None:
    """Predict the seconds of the trial's search steps on its device, for one task.

    None where the device has no cost model.
    """
    profile = trial.device.profile
    if profile.cost is None:
        return None
    search = Search(
        method=trial.method.name,
        params=trial.method.params,
        label=trial.method.label,
        dataset=trial.dataset.label,
        form=form,
        setting=trial.setting,
        budget=trial.budget,
        seed=trial.seed,
        devices=(profile,),
        space=planned_space(plugins, trial.space),
    )
    kernels = trace(workload_of(plugins, search)).kernels
    return predict_seconds(profile.cost, kernels, parallel=search.uses_threads)
