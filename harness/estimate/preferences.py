"""Makes α prefer the operations that keep most alive, or least: the ends of a range of memory."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import torch
from torch import nn

from harness.contracts import SearchMethod
from harness.estimate.stand_ins import StandIns
from harness.measure.memory import MemoryCounter
from harness.space.operations import build_operation
from harness.space.supernet import Supernet, by_kind
from harness.space.topology import CELL_INPUTS, OPERATIONS, CellKind, edge_count

__all__ = ["HEAVIEST", "LIGHTEST", "Preference", "kept_bytes", "prefer"]

SIDE = 16  # of the images that operations are weighed with; only the order counts
CHANNELS = 8
CLEARLY = 1e6  # more than any noise that a method may add before it ranks


@dataclass(frozen=True)
class Preference:
    """What α and β are read as in a search step.

    Attributes:
        operations: which operations of an edge come first.
        pairs: which pairs of edges of a node come first: those of early edges, or of late ones.
    """

    operations: Literal["heaviest", "lightest"]
    pairs: Literal["first", "last"]


HEAVIEST = (Preference("heaviest", "first"), Preference("heaviest", "last"))
LIGHTEST = (Preference("lightest", "first"), Preference("lightest", "last"))


def prefer(method: SearchMethod, preference: Preference, stand_ins: StandIns) -> None:
    """Let what a method reads of its supernet's α and β be as `preference` says.

    Chance is kept out. A method that has no `Supernet` in an attribute is left alone.
    """
    stand_ins.quiet = True
    for net in [each for each in vars(method).values() if isinstance(each, Supernet)]:
        for kind, nodes in by_kind(net.alpha).items():
            for node, alpha in enumerate(nodes):
                stand_ins.set(alpha, CLEARLY * _scores(preference, kind, node))
        if net.beta is not None:
            for beta in net.beta.parameters():
                order = CLEARLY * torch.arange(beta.shape[0], dtype=torch.float32)
                stand_ins.set(beta, order if preference.pairs == "last" else -order)


@cache
def kept_bytes(operation: str, stride: int) -> int:
    """Return what an operation keeps alive for its backward pass, on a small edge."""
    counter = MemoryCounter("meta")
    with counter.paused(), counter, torch.device("meta"):
        module: nn.Module = build_operation(operation, CHANNELS, stride)
        images = torch.empty(1, CHANNELS, SIDE, SIDE).requires_grad_()
        before = counter.live_bytes
        output = module(images * 1.0)
        kept = counter.live_bytes - before
    del output
    return kept


def _scores(preference: Preference, kind: CellKind, node: int) -> torch.Tensor:
    """Return how much each operation on each edge is preferred, (edges, operations)."""
    weights = _weights(kind, node)
    return weights if preference.operations == "heaviest" else -weights


def _weights(kind: CellKind, node: int) -> torch.Tensor:
    """Return the bytes of each operation on each edge, (edges, operations)."""
    rows = []
    for edge in range(edge_count(node)):
        stride = 2 if kind == "reduction" and edge < CELL_INPUTS else 1
        rows.append([float(kept_bytes(operation, stride)) for operation in OPERATIONS])
    return torch.tensor(rows)
