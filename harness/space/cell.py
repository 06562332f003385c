"""A cell of the supernet: its nodes, each a weighted sum over its edges and operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextvars import ContextVar
from itertools import chain, compress
from typing import NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.space.batch_norm import BatchNorm
from harness.space.mixing import CellMixing, NodeMixing
from harness.space.operations import PointwiseBlock, frozen
from harness.space.recompute import backward_sum
from harness.space.spec import CELL_INPUTS, METANAS, CellKind, SearchSpace, edge_count

__all__ = [
    "Cell",
    "CellInputs",
    "copy_strided_pixels",
    "edge_builder",
    "edge_stride",
    "mixed_sum",
    "tracked_sum",
]


class CellInputs(nn.Module):
    """Brings the outputs of the two cells before to the width and the grid of this cell."""

    def __init__(
        self, in_channels: int, channels: int, *, after_reduction: bool, affine: bool = False
    ) -> None:
        """Build it; the older input is halved when the cell before was a reduction cell."""
        super().__init__()
        self.older = PointwiseBlock(in_channels, channels, halve=after_reduction, affine=affine)
        self.newer = PointwiseBlock(in_channels, channels, halve=False, affine=affine)

    def forward(self, older: Tensor, newer: Tensor) -> list[Tensor]:
        """Return both inputs as (N, C, H, W), H and W those of the newer."""
        return [self.older(older), self.newer(newer)]


class Cell(nn.Module):
    """A cell that holds every operation on every edge.

    It keeps neither α nor β and can be run alone: the mixing weights are handed to it. A method
    whose nodes sum otherwise overrides `node_value`, and `backward_node` if it is to run with an
    engine that recomputes.
    """

    def __init__(
        self,
        kind: CellKind,
        channels: int,
        *,
        after_reduction: bool,
        operation_channels: int | None = None,
        space: SearchSpace = METANAS,
    ) -> None:
        """Build a cell of a space, of width C = `channels`; its inputs have nodes x C channels.

        Its operations have `operation_channels` channels, by default C.
        """
        super().__init__()
        width = channels if operation_channels is None else operation_channels
        self.kind, self.share = kind, channels // width
        self.inputs = CellInputs(space.nodes * channels, channels, after_reduction=after_reduction)
        build_edge = edge_builder.get()
        self.nodes = nn.ModuleList(
            nn.ModuleList(
                build_edge(width, edge_stride(kind, edge), space)
                for edge in range(edge_count(node))
            )
            for node in range(space.nodes)
        )

    def forward(self, older: Tensor, newer: Tensor, mixing: CellMixing) -> Tensor:
        """Run the cell.

        Args:
            older: output of the cell before the last, (N, 3C, H or 2H, W or 2W).
            newer: output of the last cell, (N, 3C, H, W).
            mixing: weights for each node.

        Returns:
            (N, 3C, H, W), in a reduction cell with half of that height and width.
        """
        states = self.inputs(older, newer)
        for node, node_mixing in enumerate(mixing):
            states.append(self.node_value(node, states, node_mixing))
        return torch.cat(states[CELL_INPUTS:], dim=1)

    def node_value(self, node: int, states: Sequence[Tensor], mixing: NodeMixing) -> Tensor:
        """Return the value of a node, (N, C, H', W'), from the inputs and the nodes before it."""
        return mixed_sum(self.operations(node), states, mixing)

    def backward_node(
        self, node: int, states: Sequence[Tensor], mixing: NodeMixing, gradient: Tensor
    ) -> None:
        """Add the gradients of a node's value to `.grad` of `states` and `mixing`, both leaves.

        Args:
            node: number of the node.
            states: the inputs and the nodes before it, (N, C, H, W) each.
            mixing: the weights of its operations.
            gradient: of the loss with respect to the node's value, (N, C, H', W').
        """
        backward_sum(self.operations(node), states, mixing, gradient)

    def run_again(self, mixing: CellMixing) -> list[BatchNorm]:
        """Return the norms of what a backward pass runs again: inputs, and what it goes through."""
        parts: list[nn.Module] = [self.inputs]
        for node, node_mixing in enumerate(mixing):
            parts += compress(chain(*self.operations(node)), node_mixing.back)
        return [norm for part in parts for norm in part.modules() if isinstance(norm, BatchNorm)]

    def operations(self, node: int) -> list[list[nn.Module]]:
        """Return the operations that lead to a node, [edge][operation]."""
        edges = cast(nn.ModuleList, self.nodes[node])
        return [list(cast(nn.ModuleDict, edge).values()) for edge in edges]


def edge_stride(kind: CellKind, edge: int) -> int:
    """Return 2 for the edges that leave the inputs of a reduction cell, else 1."""
    return 2 if kind == "reduction" and edge < CELL_INPUTS else 1


def mixed_sum(
    operations: Sequence[Sequence[nn.Module]], inputs: Sequence[Tensor], mixing: NodeMixing
) -> Tensor:
    """Return a node's value: Σ over its edges e and operations k of weight_ek o_k(x_e).

    All operations run forward. Those that no gradient goes through run without a graph, and each of
    their outputs is added at once to a running sum, so that none of their activations stays alive
    (On-NAS, section 5.1).

    Args:
        operations: [edge][operation].
        inputs: one tensor (N, C, H, W) for each edge.
        mixing: the weights, which operations are tracked, and what gradients go through.

    Returns:
        (N, C, H, W), or half of that height and width where the edges have stride 2.
    """
    terms = _terms(operations, inputs, mixing)
    with torch.no_grad():
        without_graph = _add_terms(None, terms, back=False)
    total = _add_terms(without_graph, terms, back=True)
    return mixing.weights.new_zeros(()) if total is None else total


def tracked_sum(
    operations: Sequence[Sequence[nn.Module]], inputs: Sequence[Tensor], mixing: NodeMixing
) -> Tensor:
    """Return what of `mixed_sum` has gradients: another value, and the same gradients."""
    terms = _terms(operations, inputs, mixing)
    total = _add_terms(None, terms, back=True)
    return mixing.weights.new_zeros(()) if total is None else total


class _Term(NamedTuple):
    operation: nn.Module
    x: Tensor  # (N, C, H, W)
    weight: Tensor  # (), or (N, 1, 1, 1) with drop path
    back: bool  # whether a gradient goes through it
    learns: bool  # whether its own weights get one


def _terms(
    operations: Sequence[Sequence[nn.Module]], inputs: Sequence[Tensor], mixing: NodeMixing
) -> list[_Term]:
    weights = mixing.weights.flatten(0, 1).unbind()
    pairs = [(op, x) for edge, x in zip(operations, inputs, strict=True) for op in edge]
    every = zip(pairs, weights, mixing.back, mixing.learns, strict=True)
    return [_Term(op, x, weight, back, learns) for (op, x), weight, back, learns in every]


def _add_terms(total: Tensor | None, terms: Sequence[_Term], *, back: bool) -> Tensor | None:
    graph = torch.is_grad_enabled()  # without one, no weight gets a gradient anyway
    for term in terms:
        if term.back is back:
            with frozen(term.operation.parameters() if graph and not term.learns else ()):
                output = term.operation(term.x)
            # In place: no gradient asks for what the sum was before.
            total = output * term.weight if total is None else total.addcmul_(output, term.weight)
    return total


def _mixed_edge(channels: int, stride: int, space: SearchSpace) -> nn.ModuleDict:
    return nn.ModuleDict(
        {name: space.build_operation(name, channels, stride) for name in space.operations}
    )


BuildEdge = Callable[[int, int, SearchSpace], nn.ModuleDict]

edge_builder: ContextVar[BuildEdge] = ContextVar("edge_builder", default=_mixed_edge)
"""What builds the operations of an edge; an estimate has one that copies edges without values."""


# Strided 1x1 convolutions of few channels, on a processor

BLOCK = 16  # channels that oneDNN takes together: 8 with AVX2, 16 with AVX-512


def copy_strided_pixels(network: nn.Module) -> None:
    """Let each strided 1x1 convolution of few channels copy what it reads, and stride no more.

    Where channels come last and are fewer than its kernels take together, oneDNN writes past the
    end of its own buffer for the gradient of the weights: wrong numbers, or the end of the process
    (https://github.com/uxlfoundation/oneDNN/issues/6035). Weights and their names stay as they are.
    """
    for part in network.modules():
        if type(part) is nn.Conv2d and _is_unsafe(part):
            part.__class__ = _CopyingConvolution


def _is_unsafe(convolution: nn.Conv2d) -> bool:
    return (
        convolution.kernel_size == (1, 1)
        and convolution.padding == (0, 0)
        and convolution.stride != (1, 1)
        and convolution.in_channels // convolution.groups < BLOCK
    )


class _CopyingConvolution(nn.Conv2d):
    """A strided 1x1 convolution that copies the pixels it reads, but on CUDA."""

    def forward(self, input: Tensor) -> Tensor:
        """Return (N, out_channels, ceil(H/stride), ceil(W/stride))."""
        if input.is_cuda:
            return super().forward(input)
        rows, columns = self.stride
        grid = input[:, :, ::rows, ::columns].clone()
        return functional.conv2d(grid, self.weight, self.bias, groups=self.groups)
