"""Back-propagation through one term of a node's sum, weight x operation(x), which runs again."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.autograd.graph import get_gradient_edge

from harness.space.batch_norm import BatchStatistics
from harness.space.operations import EndsInNorm

__all__ = ["TermWeight", "backward_block", "backward_term", "in_one_piece"]


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
