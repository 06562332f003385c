"""Adam without momentum, for weights and for architecture parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

__all__ = ["BETA_2", "EPSILON", "ArchitectureAdam", "weight_optimizer"]

BETA_2 = 0.999
EPSILON = 1e-8


def weight_optimizer(parameters: Iterable[nn.Parameter], lr: float) -> torch.optim.Adam:
    """Return Adam with β1 = 0 for w; weights without a gradient are left as they are."""
    return torch.optim.Adam(parameters, lr=lr, betas=(0.0, BETA_2), eps=EPSILON)


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
