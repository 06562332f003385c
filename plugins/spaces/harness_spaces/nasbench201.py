"""The space of NAS-Bench-201 (Dong and Yang, 2020): one cell of 4 nodes, 5 operations an edge.

An architecture is written as its authors write it: for each node but the first, the operations of
its edges, each with the number of the node that the edge comes from.

    |op~0|+|op~0|op~1|+|op~0|op~1|op~2|
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from harness.contracts import ArchitectureCost
from harness.errors import UnknownNameError, UsageError
from harness.space.choices import ChoiceSpace

if TYPE_CHECKING:
    from torch import nn

__all__ = ["NasBench201"]

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
NODES = 4  # the first is the cell's input, the last its output
EDGES = tuple((node, source) for node in range(1, NODES) for source in range(node))

# The network (section 2.1 there): a stem of 16 channels, three stages of five cells, and between
# stages a residual block that halves the image and doubles the channels.
STAGES = (16, 32, 64)  # channels
CELLS_A_STAGE = 5
KERNELS = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}

_EDGE = re.compile(r"(?P<operation>\w+)~(?P<source>\d)")


class NasBench201(ChoiceSpace):
    """6 edges with one of 5 operations each: 15,625 architectures, not all of them different.

    Attributes:
        options: a decision for each edge, in the order of the string.
    """

    name = "nasbench201"
    version = 1
    cells: tuple[str, ...] = ("normal",) * (CELLS_A_STAGE * len(STAGES))
    nodes = NODES - 1
    operations: tuple[str, ...] = OPERATIONS
    options: tuple[int, ...] = (len(OPERATIONS),) * len(EDGES)

    def decisions(self, architecture: str) -> tuple[int, ...]:
        """Return the operation of each edge, by its place in `operations`.

        Raises:
            UsageError: it is not an architecture of this space; says where.
        """
        return _read(architecture)

    def architecture(self, decisions: Sequence[int]) -> str:
        """Write the operations of all edges as the authors' string."""
        edges = [
            f"{OPERATIONS[decision]}~{source}"
            for decision, (_, source) in zip(decisions, EDGES, strict=True)
        ]
        return f"|{edges[0]}|+|{'|'.join(edges[1:3])}|+|{'|'.join(edges[3:])}|"

    def network(
        self, architecture: str, image_shape: tuple[int, int, int], classes: int
    ) -> nn.Module:
        """Build the network of an architecture, with random weights."""
        from harness_spaces.network import NasBench201Network  # noqa: PLC0415 - imports torch

        return NasBench201Network(self.decisions(architecture), image_shape[0], classes, STAGES)

    def cost(
        self, architecture: str, image_shape: tuple[int, int, int], classes: int
    ) -> ArchitectureCost:
        """Count FLOPs and parameters as the benchmark's authors do.

        A multiplication with its addition is one FLOP. Convolutions and the classifier count;
        pooling, batch norm and additions have no FLOPs.
        """
        kernels = [
            KERNELS[OPERATIONS[decision]]
            for decision in self.decisions(architecture)
            if OPERATIONS[decision] in KERNELS
        ]
        channels, height, width = image_shape
        pixels = height * width
        layers = [_convolution(channels, STAGES[0], 3, pixels)]
        for stage, width_of_stage in enumerate(STAGES):
            if stage:
                pixels = -(-height >> stage) * -(-width >> stage)
                layers += _reduction(STAGES[stage - 1], width_of_stage, pixels)
            convolutions = [
                _convolution(width_of_stage, width_of_stage, k, pixels) for k in kernels
            ]
            layers += convolutions * CELLS_A_STAGE
        last = STAGES[-1]
        head = (last + 1) * classes
        return ArchitectureCost(
            flops=sum(layer.flops for layer in layers) + head,
            parameters=sum(layer.parameters for layer in layers) + 2 * last + head,
        )


def _convolution(inputs: int, outputs: int, kernel: int, pixels: int) -> ArchitectureCost:
    """Return the cost of a convolution without bias, with its batch norm."""
    weights = inputs * outputs * kernel**2
    return ArchitectureCost(flops=weights * pixels, parameters=weights + 2 * outputs)


def _reduction(inputs: int, outputs: int, pixels: int) -> list[ArchitectureCost]:
    """Return the residual block between stages; the 1x1 convolution of its shortcut has no norm."""
    shortcut = inputs * outputs
    return [
        _convolution(inputs, outputs, 3, pixels),
        _convolution(outputs, outputs, 3, pixels),
        ArchitectureCost(flops=shortcut * pixels, parameters=shortcut),
    ]


@lru_cache(maxsize=2**15)  # all that there are; searches meet the same ones again and again
def _read(architecture: str) -> tuple[int, ...]:
    nodes = architecture.strip().split("+")
    if len(nodes) != NODES - 1:
        raise UsageError(f"{_named(architecture)} has {len(nodes)} nodes, and must have 3")
    return tuple(
        operation
        for number, node in enumerate(nodes, start=1)
        for operation in _read_node(architecture, number, node)
    )


def _read_node(architecture: str, number: int, node: str) -> list[int]:
    """Return the operations of a node's edges, which must come from nodes 0, 1, ... in order."""
    edges = node.split("|")[1:-1]
    found = [_EDGE.fullmatch(edge) for edge in edges]
    sources = [int(each["source"]) for each in found if each is not None]
    if sources != list(range(number)) or node != f"|{'|'.join(edges)}|":
        form = "".join(f"|OPERATION~{source}" for source in range(number)) + "|"
        raise UsageError(
            f"{_named(architecture)} has the node '{node:.80}', which must be '{form}'"
        )
    operations = [each["operation"] for each in found if each is not None]
    for operation in operations:
        if operation not in OPERATIONS:
            where = f" in {_named(architecture)}"
            raise UnknownNameError("operation", operation, OPERATIONS, where)
    return [OPERATIONS.index(operation) for operation in operations]


def _named(architecture: str) -> str:
    return f"the architecture '{architecture:.120}' of nasbench201"
