"""The second-order gradient of DARTS: of the validation loss after one step of training."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["unrolled_gradient"]

REACH = 0.01  # how far the weights are moved for the difference; DARTS finds it accurate enough
TINY = 1e-12  # keeps a gradient of zero from being divided by its norm

Parameters = Sequence[nn.Parameter]


@torch.no_grad()
def unrolled_gradient(
    weights: Parameters,
    architecture: Parameters,
    *,
    train: Callable[[], object],
    validate: Callable[[], object],
    lr: float,
) -> None:
    """Put the gradient of L_val(w − ξ ∇_w L_train(w, α), α) with respect to α in α's `.grad`.

    By the chain rule (DARTS, equation 7) it is, with w' = w − ξ ∇_w L_train(w, α),

        ∇_α L_val(w', α) − ξ ∇²_(α,w) L_train(w, α) ∇_w' L_val(w', α)

    whose product of a matrix and a vector v is a finite difference (equation 8) at w± = w ± ε v,
    ε = 0.01 / ‖v‖: (∇_α L_train(w+, α) − ∇_α L_train(w−, α)) / 2ε.

    Args:
        weights: w, which are the same afterwards, to the bit; their `.grad` is of no use.
        architecture: α.
        train: sets `.grad` of both to the gradients of L_train at the present w.
        validate: sets `.grad` of both to the gradients of L_val at the present w.
        lr: ξ, the learning rate of the step of training.
    """
    start = [weight.clone() for weight in weights]
    _, step = _gradients(train, architecture, weights)
    _place(weights, start, step, -lr)
    direct, direction = _gradients(validate, architecture, weights)
    norm = torch.stack([part.square().sum() for part in direction]).sum().sqrt()
    reach = REACH / (norm + TINY)
    _place(weights, start, direction, reach)
    ahead, _ = _gradients(train, architecture, weights)
    _place(weights, start, direction, -reach)
    behind, _ = _gradients(train, architecture, weights)
    for weight, origin in zip(weights, start, strict=True):
        weight.copy_(origin)  # not origin + 0 v: that would turn -0 into 0, and be NaN where v is
    for alpha, first, plus, minus in zip(architecture, direct, ahead, behind, strict=True):
        alpha.grad = first - lr * (plus - minus) / (2 * reach)


def _gradients(
    compute: Callable[[], object], *groups: Sequence[nn.Parameter]
) -> tuple[list[Tensor], ...]:
    with torch.enable_grad():
        compute()
    return tuple(
        [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in group]
        for group in groups
    )


def _place(
    weights: Parameters,
    start: Sequence[Tensor],
    direction: Sequence[Tensor],
    factor: Tensor | float,
) -> None:
    """Set the weights to `start` + `factor` x `direction`."""
    for weight, origin, vector in zip(weights, start, direction, strict=True):
        weight.copy_(origin + factor * vector)
