"""Back-propagation through one cell whose inputs and output are at hand: node by node."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from harness.space.cell import Cell
from harness.space.mixing import CellMixing
from harness.space.operations import PointwiseBlock
from harness.space.spec import NODES
from harness.space.term_phase import backward_block, in_one_piece

__all__ = ["backward_inputs", "backward_nodes", "learns", "node_values"]


def node_values(output: Tensor) -> list[Tensor]:
    """Return the values of all nodes but the last, (N, C, H', W') each, of an output (N, 3C, ...).

    They are copies: parts of the output would be scattered in it, and so slower to compute with,
    and would keep all of it alive.
    """
    return [in_one_piece(value) for value in output.chunk(NODES, dim=1)[:-1]]


def backward_nodes(  # noqa: PLR0913, PLR0917 - what a cell reads, what it gave, and the gradient of that
    cell: Cell,
    older: Tensor,
    newer: Tensor,
    mixing: CellMixing,
    values: Sequence[Tensor],
    gradient: Tensor,
) -> list[Tensor | None]:
    """Add the gradients of one cell's nodes to `.grad` of their weights and of `mixing`.

    The values of the nodes are known. So nothing has to run again but the tracked operations, node
    by node, the last one first, and each alone, see `node_phase`: the activations of one operation
    live at once, not those of the cell.

    Args:
        cell: in training mode, with frozen running statistics; those of the batch may be known.
        older: leaf, what the cell read as the output of the cell before the last, (N, 3C, ., .).
        newer: leaf, what it read as the output of the last cell, (N, 3C, H, W).
        mixing: leaves, the weights of its operations.
        values: `node_values` of the cell's output.
        gradient: of the loss with respect to that output, (N, 3C, H', W').

    Returns:
        For `backward_inputs`: the gradients with respect to the outputs of both input blocks,
        (N, C, H, W) each, None where nothing before has to learn. Nothing else is left alive.
    """
    sources = _sources(cell, older, newer)
    with torch.no_grad():
        states = [block(read) for block, read in sources]
    for state, (block, read) in zip(states, sources, strict=True):
        state.requires_grad_(read.requires_grad or learns(block))
    states += [value.detach().requires_grad_() for value in values]
    *of_nodes, of_last = gradient.chunk(NODES, dim=1)
    cell.backward_node(len(of_nodes), states, mixing[-1], in_one_piece(of_last))
    for node, of_node in reversed(list(enumerate(of_nodes))):
        of_later_nodes = states.pop().grad
        total = in_one_piece(of_node) if of_later_nodes is None else of_later_nodes.add_(of_node)
        cell.backward_node(node, states, mixing[node], total)
    return [state.grad for state in states]


def backward_inputs(
    cell: Cell, older: Tensor, newer: Tensor, gradients: list[Tensor | None]
) -> None:
    """Add the gradients of a cell's input blocks to `.grad` of what they read and their weights.

    Args:
        cell: as in `backward_nodes`.
        older: likewise.
        newer: likewise.
        gradients: what `backward_nodes` returned; it is emptied.
    """
    for block, read in reversed(_sources(cell, older, newer)):
        gradient = gradients.pop()
        if gradient is not None:
            backward_block(block, read, gradient)


def _sources(cell: Cell, older: Tensor, newer: Tensor) -> list[tuple[PointwiseBlock, Tensor]]:
    return [(cell.inputs.older, older), (cell.inputs.newer, newer)]


def learns(module: nn.Module) -> bool:
    """Tell whether any weight of `module` is to get a gradient."""
    return any(weight.requires_grad for weight in module.parameters())
