"""What α and β can be expected to be at the end of the search (On-NAS, Eq. 7)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["Trend", "expected_final"]


def expected_final(value: Tensor, movements: Sequence[Tensor], remaining: int) -> Tensor:
    """Return E[α_f] ≈ α_j + (f − j)/t Σ of the last t movements, in the shape of `value`.

    With movements of −λ x gradient this is Eq. 7.

    Args:
        value: α_j, the parameter as it is now.
        movements: what the last t updates have added to it; none leave the value as it is.
        remaining: f − j, updates to come.
    """
    value = value.detach()
    if not movements:
        return value
    return value + (remaining / len(movements)) * torch.stack(list(movements)).sum(dim=0)


class Trend:
    """Remembers how the last t updates have moved each parameter.

    Where the paper is silent: with fewer than t updates so far, t is their number, and an update
    has not moved what it did not select.
    """

    def __init__(self, parameters: Sequence[Tensor], length: int) -> None:
        """Remember `length` (t) updates of `parameters`."""
        self.parameters = list(parameters)
        self._updates: deque[list[Tensor]] = deque(maxlen=length)

    def add(self, movements: Sequence[Tensor]) -> None:
        """Remember how an update has moved each parameter, and forget the one t updates ago."""
        self._updates.append(list(movements))

    def expected(self, remaining: int) -> list[Tensor]:
        """Return what each parameter is expected to be after `remaining` more updates."""
        return [
            expected_final(parameter, [update[i] for update in self._updates], remaining)
            for i, parameter in enumerate(self.parameters)
        ]
