"""What α and β can be expected to be at the end of the search (On-NAS, Eq. 7)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["GradientTrend", "expected_final"]


def expected_final(
    value: Tensor, gradients: Sequence[Tensor], lr: float, remaining_steps: int
) -> Tensor:
    """Return E[α_f] ≈ α_j − λ (f − j)/t Σ of the last t gradients (Eq. 7), in the shape of `value`.

    Args:
        value: α_j, the parameter as it is now.
        gradients: the last t gradients; none leave the value as it is.
        lr: λ.
        remaining_steps: f − j, search steps to come.
    """
    value = value.detach()
    if not gradients:
        return value
    trend = torch.stack(list(gradients)).sum(dim=0)
    return value - lr * (remaining_steps / len(gradients)) * trend


class GradientTrend:
    """Remembers the gradients of the last t search steps for each parameter.

    Where the paper is silent: with fewer than t steps so far, t is their number. The gradient of a
    step is the sum over the updates it made, and zero for what it did not select, since only what
    was applied moves the parameter. λ is the learning rate as it stands, also with Adam.
    """

    def __init__(self, parameters: Sequence[Tensor], steps: int) -> None:
        """Remember `steps` (t) search steps of gradients of `parameters`."""
        self.parameters = list(parameters)
        self._steps: deque[list[Tensor]] = deque(maxlen=steps)

    def begin_step(self) -> None:
        """Start the gradient of a new search step at zero, forgetting the one t steps ago."""
        self._steps.append([torch.zeros_like(p, requires_grad=False) for p in self.parameters])

    def record(self) -> None:
        """Add the parameters' present gradients to those of this search step."""
        for total, parameter in zip(self._steps[-1], self.parameters, strict=True):
            if parameter.grad is not None:
                total.add_(parameter.grad)

    def expected(self, lr: float, remaining_steps: int) -> list[Tensor]:
        """Return what each parameter is expected to be after `remaining_steps` more steps."""
        return [
            expected_final(parameter, [step[i] for step in self._steps], lr, remaining_steps)
            for i, parameter in enumerate(self.parameters)
        ]
