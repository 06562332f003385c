"""The workload of a trace: which method runs, on what shapes, in which batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import torch
from torch import Tensor, nn

from harness.contracts import (
    Batch,
    OperationLatency,
    PretrainedMethod,
    SearchBatch,
    SearchContext,
    SearchMethod,
)
from harness.cost_model.profile import CostProfile, predict_seconds
from harness.errors import UsageError
from harness.experiment.setting import FewShotSetting
from harness.measure.dispatch import outside_modes
from harness.measure.memory import MemoryCounter
from harness.plugins.loading import Plugins
from harness.plugins.selection import recreate
from harness.plugins.spaces import evaluating_score
from harness.runtime.determinism import seed_generators
from harness.space.cell import edge_builder, edge_stride
from harness.space.spec import CELL_INPUTS, CellKind, SearchSpace
from harness.tracing.fake_values import FakeValues
from harness.tracing.likeness import TENSORS_AND_MODULES, never_changes
from harness.tracing.search import Search
from harness.tracing.shapes import ShapeMode

__all__ = ["ShapedBatches", "Workload", "copied_edges", "latency_of", "workload_of"]


@dataclass(frozen=True)
class Workload:
    """The search steps of one task.

    Attributes:
        create: makes the method.
        context: what the method is given, apart from its device.
        batch_sizes: how many batches of each size a search step goes through, the largest first.
        resident: whether all batches of a step are on the device at once, as in few-shot search.
        halves: whether w and α learn from different images, as in a full task.
        pretrained: whether a method that can be pretrained starts from what that has left.
    """

    create: Callable[[], SearchMethod]
    context: SearchContext
    batch_sizes: Mapping[int, int]
    resident: bool = True
    halves: bool = False
    pretrained: bool = False

    @cached_property
    def initial_state(self) -> Mapping[str, Tensor] | None:
        """The state that a pretrained method starts from; a device keeps it in storage."""
        method = self.create()
        if not (self.pretrained and isinstance(method, PretrainedMethod)):
            return None
        noise, counter = FakeValues(torch.Generator().manual_seed(0)), MemoryCounter("meta")
        with ShapeMode(noise, counter), copied_edges(counter):
            method.build(replace(self.context, device=torch.device("meta"), pretraining=True))
            return method.state_dict()


def workload_of(plugins: Plugins, search: Search) -> Workload:
    """Return the search to trace, set up as a trial would set it up.

    Raises:
        UsageError: it trains no supernet.
    """
    if not isinstance(space := search.space, SearchSpace):
        raise UsageError(f"the space '{space.name}' has no supernet, which search steps need")
    selection = recreate(plugins, "method", search.method, search.params)
    few_shot = isinstance(search.setting, FewShotSetting)
    costs = [device.cost for device in search.devices if device.cost is not None]
    sizes = _cut(search.images, search.setting.batch_size)
    context = SearchContext(
        image_shape=search.form.image_shape,
        classes=search.classes,
        channels=search.channels,
        budget=search.budget,
        steps=search.steps,
        device=torch.device("meta"),
        generator=seed_generators(search.seed, "method", 0),
        operation_latency=latency_of(costs[0], search.form.image_shape, search.channels, space)
        if costs
        else None,
        recipe=search.setting.recipe,
        space=space,
        batches=sum(sizes.values()),
        score=evaluating_score(plugins, selection),
    )
    return Workload(
        selection.create,
        context,
        sizes,
        resident=few_shot,
        halves=search.halves,
        pretrained=search.pretrained,
    )


def _cut(images: int, size: int) -> dict[int, int]:
    """Return how many batches of each size there are when images are cut into batches of `size`."""
    whole, rest = divmod(images, size)
    return dict(Counter([size] * whole + [rest] * (rest > 0)))


@dataclass
class ShapedBatches:
    """Makes the batches of a search step on the meta device.

    In few-shot search all batches of a task are on the device for as long as it lasts; those of a
    full task come and go.
    """

    workload: Workload
    counter: MemoryCounter
    fake_values: FakeValues

    def __post_init__(self) -> None:
        """Make the batches that stay on the device."""
        sizes = self.workload.batch_sizes.items() if self.workload.resident else ()
        self._resident = {size: [self._pair(size) for _ in range(count)] for size, count in sizes}

    def of(self, sizes: Sequence[int]) -> Iterator[SearchBatch]:
        """Yield a batch of each of these sizes."""
        for size in sizes:
            yield self._resident[size][0] if size in self._resident else self._pair(size)

    def _pair(self, size: int) -> SearchBatch:
        weights = self._batch(size)
        architecture = self._batch(size) if self.workload.halves else weights
        return SearchBatch(weights=weights, architecture=architecture)

    def _batch(self, size: int) -> Batch:
        """Return images (size, channels, height, width), and labels that count up the classes.

        Where a step has one batch, each step has the same images in it, which a method may know
        again: the values of an image are its number. Several batches hold others in each step,
        so that their values are left to be noise.
        """
        context, is_only = self.workload.context, sum(self.workload.batch_sizes.values()) == 1
        images = torch.empty(size, *context.image_shape, device="meta")
        labels = torch.empty(size, dtype=torch.int64, device="meta")
        with self.counter.paused():
            self.fake_values.set(labels, torch.arange(size) % context.classes)
            if is_only:
                self.fake_values.set(images, torch.arange(size).float().reshape(-1, 1, 1, 1))
        return Batch(images, labels)


def latency_of(
    cost: CostProfile, image_shape: tuple[int, int, int], channels: int, space: SearchSpace
) -> OperationLatency:
    """Return a function that predicts the seconds of one operation for one image, forward only.

    Args:
        cost: what is known of the device.
        image_shape: channels, height, width.
        channels: C, the width of a cell.
        space: whose cells and operations there are.
    """

    @cache
    def seconds(cell: int, edge: int, operation: str) -> float:
        stride = edge_stride(space.cells[cell], edge)
        shape = (1, channels, *_grid(image_shape, space.cells[: cell + 1], edge))
        shapes = ShapeMode(FakeValues(torch.Generator()), MemoryCounter("meta"))
        with shapes, torch.no_grad(), torch.device("meta"):
            module = space.build_operation(operation, channels, stride)
            with shapes.counting() as kernels:
                module(torch.empty(shape))
        return predict_seconds(cost, kernels).value_s

    return seconds


def _grid(
    image_shape: tuple[int, int, int], cells: Sequence[CellKind], edge: int
) -> tuple[int, int]:
    """Return height and width of what an edge of the last cell reads, halved by reduction cells.

    In a reduction cell, edges from nodes read what has been halved by the cell itself.
    """
    _, height, width = image_shape
    *before, kind = cells
    halvings = before.count("reduction")
    halvings += kind == "reduction" and edge >= CELL_INPUTS
    for _ in range(halvings):
        height, width = -(-height // 2), -(-width // 2)
    return height, width


# Networks without values

_edges: dict[Any, nn.ModuleDict | None] = {}  # in this process, on `meta`; None: it has no copies


@contextmanager
def copied_edges(counter: MemoryCounter) -> Iterator[None]:
    """Build each kind of edge once, and copy it for the cells that are built inside.

    Setting up thousands of modules, and drawing weights that nobody reads, takes as long as tracing
    a pass.

    Args:
        counter: counts the tensors of copies, as those of what is built.
    """
    build = edge_builder.get()

    def copied(channels: int, stride: int, space: SearchSpace) -> nn.ModuleDict:
        key = space, channels, stride, torch.get_default_dtype()
        if key not in _edges:
            with outside_modes():
                built = build(channels, stride, space).to("meta")
            _edges[key] = built if _has_copies(built) else None
        if (known := _edges[key]) is None:
            return build(channels, stride, space)
        with outside_modes():
            made: nn.ModuleDict = _copy(known)
        counter.watch([*made.parameters(), *made.buffers()])
        return made

    token = edge_builder.set(copied)
    try:
        yield
    finally:
        edge_builder.reset(token)


_CONTAINERS = (dict, list, set)


def _has_copies(edge: nn.Module) -> bool:
    """Tell whether an edge consists of distinct tensors and immutable values, so can be copied."""
    every = [*edge.modules()]
    tensors = [t for each in every for t in (*each._parameters.values(), *each._buffers.values())]
    own = [id(each) for each in [*every, *tensors] if each is not None]
    learn = all(each.requires_grad for each in edge.parameters())
    return learn and len(set(own)) == len(own) and all(map(_is_plain_module, every))


def _is_plain_module(module: nn.Module) -> bool:
    return all(
        not value if isinstance(value, _CONTAINERS) else never_changes(value)
        for name, value in vars(module).items()
        if name not in TENSORS_AND_MODULES
    )


def _copy(module: nn.Module) -> Any:
    made: nn.Module = object.__new__(type(module))
    for name, value in vars(module).items():
        vars(made)[name] = type(value)() if isinstance(value, _CONTAINERS) else value
    for name, child in module._modules.items():
        made._modules[name] = None if child is None else _copy(child)
    for name, like in module._parameters.items():
        made._parameters[name] = None if like is None else nn.Parameter(_another(like))
    for name, buffer in module._buffers.items():
        made._buffers[name] = None if buffer is None else _another(buffer)
    return made


def _another(like: Tensor) -> Tensor:
    # On `meta`, `empty_like` is computed in Python, which takes ten times as long.
    return torch.empty_strided(like.shape, like.stride(), dtype=like.dtype, device="meta")
