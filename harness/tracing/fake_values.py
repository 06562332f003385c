"""Fake values for tensors without values, so that a method that reads values can be traced.

A search method may draw paths by α, or rank operations by it. Meta tensors have no values, so fake
ones are returned, and the estimate follows one possible run. α can be made to prefer the operations
that keep the most memory alive, or the least, which gives the ends of the range of memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import torch
from torch import Tensor, nn

from harness.contracts import SearchMethod
from harness.measure.dispatch import outside_modes
from harness.measure.memory import MemoryCounter
from harness.space.spec import CELL_INPUTS, METANAS, CellKind, SearchSpace, edge_count
from harness.space.supernet import Supernet, by_kind

__all__ = ["HEAVIEST", "LIGHTEST", "Preference", "kept_bytes", "prefer"]


@dataclass
class FakeValues:
    """Gives values to tensors that are read.

    A tensor that was given values by `set` has those, and so has what is computed from it element
    by element. Of other tensors, floats are uniform noise and integers are zero.

    Attributes:
        generator: of the noise, on the CPU.
        reads: how often more than a single value was read.
        looks: how often any value was read.
        quiet: whether chance is kept out of a method's choices: uniform draws from [0, 1) with a
            generator then give 1, so that nothing happens which has a probability.
    """

    generator: torch.Generator
    reads: int = 0
    looks: int = 0
    quiet: bool = False
    _attribute: str = field(default="_fake_value", init=False)

    def set(self, tensor: Tensor, values: Tensor) -> None:
        """Set the values of `tensor`; `values` has its shape, or one that broadcasts to it."""
        setattr(tensor, self._attribute, values)

    def of(self, tensor: Tensor | None) -> Tensor | None:
        """Return the values that a tensor was given; None if it was given none."""
        return getattr(tensor, self._attribute, None)

    def pass_on(self, sources: Sequence[Tensor], result: Any) -> None:
        """Pass the values of a source on to a result of the same shape."""
        for source in sources:
            values = self.of(source)
            if values is not None and isinstance(result, Tensor) and result.shape == source.shape:
                self.set(result, values)

    def read(self, tensor: Tensor) -> Tensor:
        """Return what `tensor` is read as, on the CPU."""
        with outside_modes():
            values = self.of(tensor)
            self.looks += 1
            self.reads += tensor.numel() > 1
            if values is not None:
                return torch.broadcast_to(values, tensor.shape).to(tensor.dtype, copy=True)
            if tensor.dtype.is_floating_point:
                noise = torch.rand(tensor.shape, generator=self.generator)
                return noise.to(tensor.dtype)
            return torch.zeros(tensor.shape, dtype=tensor.dtype)


SIDE = 16  # of the images that operations are weighed with; only the order counts
CHANNELS = 8
CLEARLY = 1e6  # more than any noise that a method may add before it ranks


@dataclass(frozen=True)
class Preference:
    """Which operations and edges α and β prefer in a search step.

    Attributes:
        operations: which operations of an edge come first.
        pairs: which pairs of edges of a node come first: those of early edges, or of late ones.
    """

    operations: Literal["heaviest", "lightest"]
    pairs: Literal["first", "last"]


HEAVIEST = (Preference("heaviest", "first"), Preference("heaviest", "last"))
LIGHTEST = (Preference("lightest", "first"), Preference("lightest", "last"))


def prefer(method: SearchMethod, preference: Preference, fake_values: FakeValues) -> None:
    """Set the values that a method reads from its supernet's α and β, by `preference`.

    Chance is kept out. Nothing is done if no attribute of the method is a `Supernet`.
    """
    fake_values.quiet = True
    for net in [each for each in vars(method).values() if isinstance(each, Supernet)]:
        for kind, nodes in by_kind(net.alpha).items():
            for node, alpha in enumerate(nodes):
                fake_values.set(alpha, CLEARLY * _scores(preference, kind, node, net.space))
        if net.beta is not None:
            for beta in net.beta.parameters():
                order = CLEARLY * torch.arange(beta.shape[0], dtype=torch.float32)
                fake_values.set(beta, order if preference.pairs == "last" else -order)


@cache
def kept_bytes(operation: str, stride: int, space: SearchSpace = METANAS) -> int:
    """Return what an operation keeps alive for its backward pass, on a small edge."""
    counter = MemoryCounter("meta")
    with counter.paused(), counter, torch.device("meta"):
        module: nn.Module = space.build_operation(operation, CHANNELS, stride)
        images = torch.empty(1, CHANNELS, SIDE, SIDE).requires_grad_()
        before = counter.live_bytes
        output = module(images * 1.0)
        kept = counter.live_bytes - before
    del output
    return kept


def _scores(preference: Preference, kind: CellKind, node: int, space: SearchSpace) -> torch.Tensor:
    """Return how much each operation on each edge is preferred, (edges, operations)."""
    weights = _weights(kind, node, space)
    return weights if preference.operations == "heaviest" else -weights


def _weights(kind: CellKind, node: int, space: SearchSpace) -> torch.Tensor:
    """Return the bytes of each operation on each edge, (edges, operations)."""
    rows = []
    for edge in range(edge_count(node)):
        stride = 2 if kind == "reduction" and edge < CELL_INPUTS else 1
        rows.append([float(kept_bytes(each, stride, space)) for each in space.operations])
    return torch.tensor(rows)
