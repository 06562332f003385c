"""Back-propagation through one node's sum, one operation at a time.

A node's value is Σ weight_ek o_k(x_e): its gradient reaches every operation unchanged but for the
weight. So each operation can run again alone, give its gradients and be forgotten: what lives at
once is one operation's activations, however many operations an edge has.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import compress
from typing import cast

import torch
from torch import Tensor, nn

from harness.space.mixing import NodeMixing
from harness.space.network import frozen
from harness.space.term_phase import TermWeight, backward_term

__all__ = ["accumulate", "backward_sum"]


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
