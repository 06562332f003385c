"""Adam without momentum, for weights and for architecture parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from harness.measure.dispatch import (
    each_add_,
    each_addcdiv_,
    each_addcmul_,
    each_div_,
    each_mul_,
    each_sqrt,
)

__all__ = ["BETA_2", "EPSILON", "ArchitectureAdam", "WeightAdam"]

BETA_2 = 0.999
EPSILON = 1e-8
GROUP = 64  # weights updated together; what an update needs meanwhile is a small part of all


class WeightAdam(torch.optim.Optimizer):
    """Adam with β1 = 0 for w, many weights in one operation.

    A supernet has hundreds of small weights, and one after the other their updates were a quarter
    of all operations of a search step. Torch's own `foreach` holds a copy of all second moments
    meanwhile, reads a counter from each weight, and keeps first moments, which with β1 = 0 are the
    gradients themselves.

    Weights without a gradient are left as they are, with their second moment and their count.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float) -> None:
        """Optimize `parameters`, all on one device, at the learning rate `lr`."""
        super().__init__(parameters, {"lr": lr})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override] # nothing here evaluates a loss again
        """Update every weight that has a gradient."""
        for group in self.param_groups:
            weights = [each for each in group["params"] if each.grad is not None]
            for start in range(0, len(weights), GROUP):
                self._update(weights[start : start + GROUP], group["lr"])

    def _update(self, weights: list[Tensor], lr: float) -> None:
        gradients = [each.grad for each in weights if each.grad is not None]
        moments, corrections = zip(*map(self._advance, weights), strict=True)
        each_mul_(moments, BETA_2)
        each_addcmul_(moments, gradients, gradients, 1 - BETA_2)
        sizes = each_sqrt(moments)
        each_div_(sizes, corrections)
        each_add_(sizes, EPSILON)
        each_addcdiv_(weights, gradients, sizes, -lr)

    def _advance(self, weight: Tensor) -> tuple[Tensor, float]:
        """Count an update; return the second moment, and what corrects its root for its start."""
        state = self.state[weight]
        if not state:
            state["count"], state["second_moment"] = 0, torch.zeros_like(weight)
        state["count"] += 1
        return state["second_moment"], math.sqrt(1 - BETA_2 ** state["count"])


class ArchitectureAdam:
    """Adam with β1 = 0 and weight decay, which can leave single elements of a parameter alone.

    An element that is left alone keeps its value, its second moment and its count of updates to
    the bit. Torch's Adam can leave out whole parameters only: where the gradient is zero, it would
    still decay value and moment. Where every element is updated, both are the same.

    No first moment is kept: with β1 = 0 it is the gradient itself.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, weight_decay: float) -> None:
        """Optimize `parameters`, with weight decay added to the gradient as in torch's Adam."""
        self.parameters = list(parameters)
        self.lr, self.weight_decay = lr, weight_decay
        self.second_moments = [torch.zeros_like(p) for p in self.parameters]
        self.counts = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, masks: Sequence[Tensor] | None = None) -> None:
        """Update every parameter that has a gradient.

        Args:
            masks: for each parameter, True for the elements to update; None for all of them.
        """
        for i, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                mask = masks[i] if masks is not None else None
                self._update(i, parameter, parameter.grad, mask)

    def zero_grad(self) -> None:
        """Free all gradients."""
        for parameter in self.parameters:
            parameter.grad = None

    def _update(
        self, i: int, parameter: nn.Parameter, gradient: Tensor, mask: Tensor | None
    ) -> None:
        gradient = gradient + self.weight_decay * parameter
        count = self.counts[i] + 1
        moment = BETA_2 * self.second_moments[i] + (1 - BETA_2) * gradient.square()
        size = (moment / (1 - BETA_2**count)).sqrt() + EPSILON
        updated = parameter - self.lr * gradient / size
        for target, new in (
            (parameter, updated),
            (self.second_moments[i], moment),
            (self.counts[i], count),
        ):
            target.copy_(new if mask is None else torch.where(mask, new, target))
