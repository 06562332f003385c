"""Back-propagation by recomputing: through a term, a node's sum, a cell, each run again alone.

A node's value is Σ weight_ek o_k(x_e): its gradient reaches every operation unchanged but for the
weight. So each operation can run again alone, give its gradients and be forgotten: what lives at
once is one operation's activations, however many operations an edge has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import TYPE_CHECKING, NamedTuple, cast

import torch
from torch import Tensor, nn
from torch.autograd.graph import get_gradient_edge

from harness.space.batch_norm import BatchStatistics
from harness.space.mixing import CellMixing, NodeMixing
from harness.space.operations import EndsInNorm, PointwiseBlock, frozen

if TYPE_CHECKING:
    from harness.space.cell import Cell

__all__ = [
    "TermWeight",
    "accumulate",
    "backward_block",
    "backward_inputs",
    "backward_nodes",
    "backward_sum",
    "backward_term",
    "in_one_piece",
    "learns",
    "node_values",
]


class TermWeight(NamedTuple):
    """A term's weight, without a graph."""

    value: Tensor  # (), or with drop path one for each image, (N, 1, 1, 1)
    by_channel: Tensor | None  # the same number for each channel, (C,); None with drop path


def backward_term(
    operation: Callable[[Tensor], Tensor],
    x: Tensor,
    weight: TermWeight,
    gradient: Tensor,
    *,
    weight_learns: bool,
) -> Tensor | None:
    """Add the gradients of weight x operation(x) to `.grad` of x and of the operation's weights.

    Where the statistics of its last batch norm are known, this norm does not run again, nor is
    its output multiplied by anything: its gradients need its input alone.

    Args:
        operation: in training mode, with frozen running statistics.
        x: a leaf, (N, C, H, W), which may or may not require a gradient.
        weight: the term's weight.
        gradient: of the loss with respect to the term, (N, C, H', W').
        weight_learns: whether the gradient with respect to the weight is asked for.

    Returns:
        That gradient, of the shape of the weight or (C,), whose sum it then is; None if not asked.
    """
    if weight.by_channel is not None and isinstance(operation, EndsInNorm):
        known = operation.last_norm().known
        if known is not None:
            scale = weight.by_channel
            return _backward_before_norm(operation, known, x, scale, gradient, weight_learns)
    output = operation(x)
    of_weight = _products(output.detach(), gradient, weight.value) if weight_learns else None
    if output.requires_grad:
        torch.autograd.backward(output, gradient * weight.value)
    return of_weight


def backward_block(block: EndsInNorm, x: Tensor, gradient: Tensor) -> None:
    """Add the gradients of block(x) to `.grad` of the leaf x and of the block's weights.

    Args:
        block: in training mode, with frozen running statistics.
        x: a leaf, (N, C, H, W).
        gradient: of the loss with respect to block(x), (N, C', H', W').
    """
    known = block.last_norm().known
    if known is None:
        torch.autograd.backward(block(x), gradient)
    else:
        ones = torch.ones_like(known[0])
        _backward_before_norm(block, known, x, ones, gradient, weight_learns=False)


def in_one_piece(part: Tensor) -> Tensor:
    """Copy some channels (N, C, H, W) of a larger tensor, in its order, where they are scattered.

    A kernel that wants them together would otherwise copy them each time that it runs.
    """
    channels_last = part.stride(1) == 1
    return part.contiguous(
        memory_format=torch.channels_last if channels_last else torch.contiguous_format
    )


def _backward_before_norm(  # noqa: PLR0913, PLR0917 - as `backward_term`, and what is known
    operation: EndsInNorm,
    known: BatchStatistics,
    x: Tensor,
    scale: Tensor,
    gradient: Tensor,
    weight_learns: bool,
) -> Tensor | None:
    before = operation.before_norm(x)
    of_before, of_scale = operation.last_norm().backward_known(
        known, before, scale, gradient, (before.requires_grad, weight_learns)
    )
    if before.requires_grad:
        root = get_gradient_edge(before)
        del before  # nothing needs its value any longer
        torch.autograd.backward(root, of_before)
    return of_scale


def _products(output: Tensor, gradient: Tensor, like: Tensor) -> Tensor:
    """Sum output x gradient over all, (), or over each image, (N, 1, 1, 1), without their product.

    Both are brought into the same order in memory, (N, H', W', C), in which they mostly are.
    """
    parts = max(1, like.numel())
    left, right = (each.permute(0, 2, 3, 1).reshape(parts, 1, -1) for each in (output, gradient))
    return torch.bmm(left, right.transpose(1, 2)).reshape(like.shape)


def backward_sum(
    operations: Sequence[Sequence[Callable[[Tensor], Tensor]]],
    inputs: Sequence[Tensor],
    mixing: NodeMixing,
    gradient: Tensor,
) -> None:
    """Add the gradients of `cell.mixed_sum` to `.grad` of its leaves.

    Args:
        operations: [edge][operation], in training mode, with frozen running statistics.
        inputs: for each edge a leaf (N, C, H, W), which may or may not require a gradient.
        mixing: a leaf (edges, operations), or (edges, operations, N, 1, 1, 1) with drop path, and
            which operations gradients go through: only these run.
        gradient: of the loss with respect to the sum, (N, C, H', W').
    """
    weights = _term_weights(mixing.weights.detach().flatten(0, 1), gradient.shape[1])
    asked = mixing.weights.requires_grad
    of_weights: list[Tensor | None] = [None] * len(weights)
    terms = [(operation, x) for edge, x in enumerate(inputs) for operation in operations[edge]]
    learns = mixing.learns
    for number in compress(range(len(terms)), mixing.back):
        operation, x = terms[number]
        still = () if learns[number] else cast(nn.Module, operation).parameters()
        with frozen(still):
            of_weights[number] = backward_term(
                operation, x, weights[number], gradient, weight_learns=asked
            )
    if asked:
        every = _in_one_tensor(of_weights, weights[0].value)
        accumulate(mixing.weights, every.reshape(mixing.weights.shape))


def _term_weights(weights: Tensor, channels: int) -> list[TermWeight]:
    """Split (terms,), or (terms, N, 1, 1, 1) with drop path."""
    if weights.dim() > 1:
        return [TermWeight(value, None) for value in weights.unbind()]
    by_channel = weights.unsqueeze(1).expand(-1, channels).contiguous()  # (terms, C)
    return list(map(TermWeight, weights.unbind(), by_channel.unbind()))


def _in_one_tensor(found: Sequence[Tensor | None], like: Tensor) -> Tensor:
    """Stack gradients of weights, of which None is zero; sum up those that are by channel."""
    by_channel = [each for each in found if each is not None and each.shape != like.shape]
    sums = iter(torch.stack(by_channel).sum(dim=1).unbind() if by_channel else ())
    zero = torch.zeros_like(like)

    def whole(each: Tensor | None) -> Tensor:
        if each is None:
            return zero
        return each if each.shape == like.shape else next(sums)

    return torch.stack([whole(each) for each in found])


def accumulate(leaf: Tensor, gradient: Tensor) -> None:
    """Add to `.grad` of a leaf."""
    leaf.grad = gradient if leaf.grad is None else leaf.grad + gradient


def node_values(output: Tensor, nodes: int) -> list[Tensor]:
    """Return the values of all nodes but the last, (N, C, H', W') each, of a cell's output.

    They are copies: parts of the output would be scattered in it, and so slower to compute with,
    and would keep all of it alive.
    """
    return [in_one_piece(value) for value in output.chunk(nodes, dim=1)[:-1]]


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
    *of_nodes, of_last = gradient.chunk(len(cell.nodes), dim=1)
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
        older: the same for the older input.
        newer: the same for the newer input.
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
