"""Back-propagation through one cell whose inputs and output are at hand: node by node."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from harness.space.cell import Cell, tracked_sum
from harness.space.mixing import CellMixing
from harness.space.topology import NODES

__all__ = ["backward_cell", "learns"]


def backward_cell(  # noqa: PLR0913 - what a cell reads, what it gave, and the gradient of that
    cell: Cell,
    older: Tensor,
    newer: Tensor,
    mixing: CellMixing,
    *,
    output: Tensor,
    gradient: Tensor,
) -> None:
    """Add the gradients of one cell to `.grad` of what it reads, of its weights and of `mixing`.

    The values of the nodes are the parts of the cell's output. So nothing has to run again but the
    tracked operations, and they may do so one node at a time, the last one first: the activations
    of one node live at once, not those of the cell.

    Args:
        cell: in training mode, with frozen running statistics.
        older: leaf, what the cell read as the output of the cell before the last, (N, 3C, ., .).
        newer: leaf, what it read as the output of the last cell, (N, 3C, H, W).
        mixing: leaves, the weights of its operations.
        output: what the cell gave, (N, 3C, H', W').
        gradient: of the loss with respect to `output`, of the same shape.
    """
    sources = ((cell.inputs.older, older), (cell.inputs.newer, newer))
    with torch.no_grad():
        states = [block(read) for block, read in sources]
    for state, (block, read) in zip(states, sources, strict=True):
        state.requires_grad_(read.requires_grad or learns(block))
    states += [value.detach().requires_grad_() for value in output.chunk(NODES, dim=1)]
    for node, of_output in reversed(list(enumerate(gradient.chunk(NODES, dim=1)))):
        of_later_nodes = states.pop().grad
        total = of_output if of_later_nodes is None else of_output + of_later_nodes
        part = tracked_sum(cell.operations(node), states, mixing[node])
        torch.autograd.backward(part, total)
    for state, (block, read) in zip(states, sources, strict=True):
        if state.requires_grad:
            torch.autograd.backward(block(read), state.grad)


def learns(module: nn.Module) -> bool:
    """Tell whether any weight of `module` is to get a gradient."""
    return any(weight.requires_grad for weight in module.parameters())
