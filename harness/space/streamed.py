"""Exact gradients in the memory of one operation: cells that recompute in their backward pass.

In the network's graph a cell is one function, which keeps what it read and what it gave, and of
what is inside only statistics of batches. Its backward pass runs the operations again, one at a
time (`cell_phase`). Other than `step_by_step` it leaves the order of things to automatic
differentiation, so that a cell may be used anywhere in a graph, and one tensor may be the input of
several.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from harness.contracts import Batch
from harness.space.backpropagation import BatchOutcome, judge
from harness.space.batch_norm import frozen_statistics, keep_statistics, known_statistics
from harness.space.cell import Cell
from harness.space.mixing import CellMixing, Mixing, NodeMixing
from harness.space.recompute import backward_inputs, backward_nodes, learns, node_values
from harness.space.supernet import Supernet

__all__ = ["recomputed", "streamed", "streamed_cell"]


def streamed(net: Supernet, batch: Batch, mixing: Mixing, share: float = 1.0) -> BatchOutcome:
    """Compute what `ordinary` does, with the activations of one operation at a time.

    Between the cells live their outputs; the running statistics of batch norm move once.
    """
    newer = older = net.stem(batch.images)
    for cell, cell_mixing in zip(net.cells, mixing.cells, strict=True):
        older, newer = newer, streamed_cell(cast(Cell, cell), older, newer, cell_mixing)
    loss, outcome = judge(net.classify(newer), batch.labels, share)
    torch.autograd.backward(loss)
    return outcome


def streamed_cell(cell: Cell, older: Tensor, newer: Tensor, mixing: CellMixing) -> Tensor:
    """Run a cell in training mode as one function of the graph.

    Its weights get their gradients in the backward pass, added to `.grad`, whatever that pass was
    asked for.

    Args:
        cell: the cell.
        older: output of the cell before the last, (N, 3C, H or 2H, W or 2W).
        newer: output of the last cell, (N, 3C, H, W); it may be the same tensor.
        mixing: weights for each node.

    Returns:
        (N, 3C, H', W'), without a second derivative and for one backward pass.
    """
    weights = [node.weights for node in mixing]
    if learns(cell) and not any(each.requires_grad for each in (older, newer, *weights)):
        newer = newer.detach().requires_grad_()  # so that the backward pass comes here at all
    detached = [node.with_weights(node.weights.detach()) for node in mixing]
    output: Tensor = _RecomputedCell.apply(cell, detached, older, newer, *weights)
    return output


class _RecomputedCell(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        cell: Cell,
        nodes: Sequence[NodeMixing],
        older: Tensor,
        newer: Tensor,
        *weights: Tensor,
    ) -> Tensor:
        mixing = tuple(map(NodeMixing.with_weights, nodes, weights))
        with keep_statistics(cell.run_again(mixing)) as kept:
            output: Tensor = cell(older, newer, mixing)
        ctx.cell, ctx.nodes, ctx.kept = cell, nodes, kept
        # Not saved, or it would live until all of the cell's gradients are there.
        ctx.output = output.detach()
        ctx.save_for_backward(older, newer, *weights)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        older, newer, *weights = ctx.saved_tensors
        leaves = [
            tensor.detach().requires_grad_(needed)
            for tensor, needed in zip(
                (older, newer, *weights), ctx.needs_input_grad[2:], strict=True
            )
        ]
        mixing = tuple(map(NodeMixing.with_weights, ctx.nodes, leaves[2:]))
        with torch.enable_grad(), frozen_statistics(ctx.cell), known_statistics(ctx.kept):
            older, newer = leaves[:2]
            values = node_values(_give_up_output(ctx), len(ctx.cell.nodes))
            of_inputs = backward_nodes(ctx.cell, older, newer, mixing, values, gradient)
            del values
            backward_inputs(ctx.cell, older, newer, of_inputs)
        return None, None, *(leaf.grad for leaf in leaves)


def recomputed(operation: nn.Module, x: Tensor) -> Tensor:
    """Run an operation in training mode as one function of the graph, which keeps `x` alone.

    Its backward pass runs it again, with frozen running statistics. Its weights get their
    gradients there, added to `.grad`, whatever that pass was asked for.

    Args:
        operation: any module of one input.
        x: (N, C, H, W).

    Returns:
        What the operation returns, without a second derivative.
    """
    if isinstance(operation, nn.Identity) or not torch.is_grad_enabled():
        direct: Tensor = operation(x)
        return direct
    if learns(operation) and not x.requires_grad:
        x = x.detach().requires_grad_()  # so that the backward pass comes here at all
    output: Tensor = _RecomputedOperation.apply(operation, x)
    return output


class _RecomputedOperation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, operation: nn.Module, x: Tensor) -> Tensor:
        ctx.operation = operation
        ctx.save_for_backward(x)
        output: Tensor = operation(x)
        return output

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, Tensor | None]:
        (x,) = ctx.saved_tensors
        leaf = x.detach().requires_grad_(ctx.needs_input_grad[1])
        with torch.enable_grad(), frozen_statistics(ctx.operation):
            torch.autograd.backward(ctx.operation(leaf), gradient)
        return None, leaf.grad


def _give_up_output(ctx: Any) -> Tensor:
    output: Tensor = ctx.output
    ctx.output = None
    return output
