"""Meta-learning steps: from where several tasks (or cells) have led to, to where to start next.

With Reptile (Nichol et al., 2018) every task counts alike. On-NAS weighs them element by element
by their coefficients (Kim et al., SenSys '23, Eq. 3 to 5 and algorithm 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

__all__ = ["coefficients", "meta_step", "move"]

State = Mapping[str, Tensor]


def coefficients(gradients: Tensor) -> Tensor:
    """Return On-NAS's coefficients: for each element the softmax over tasks (or cells).

    Args:
        gradients: G_i = start - reached_i, stacked, (tasks, ...).

    Returns:
        The same shape; they sum to 1 over the tasks (Eq. 4 and 5). The softmax is of the signed
        gradient, as in the equations: the largest decrease counts most, not the longest distance.
    """
    return torch.softmax(gradients, dim=0)


def move(start: Tensor, reached: Sequence[Tensor], rate: float, *, weighed: bool) -> Tensor:
    """Return start - rate x Σ_i c_i ∘ (start - reached_i).

    Args:
        start: the meta parameter, any shape.
        reached: for each task (or cell) what it became there, of the same shape.
        rate: ξ or δ; with 1 and equal weights this is the mean of what was reached.
        weighed: c are the coefficients; otherwise 1/d each, which is Reptile.
    """
    gradients = start - torch.stack(list(reached))  # (tasks, ...)
    if weighed:
        return start - rate * (coefficients(gradients) * gradients).sum(dim=0)
    return start - rate * gradients.mean(dim=0)


def meta_step(
    meta: State, adapted: Sequence[State], rate: Callable[[str], float], *, weighed: bool = False
) -> dict[str, Tensor]:
    """Move every meta parameter by what the tasks of a meta-epoch led to.

    Args:
        meta: the meta parameters by name.
        adapted: for each task, its parameters under the same names.
        rate: gives the meta learning rate of a name.
        weighed: by task coefficients; otherwise Reptile.

    Raises:
        ValueError: there was no task.
    """
    if not adapted:
        raise ValueError("a meta-epoch needs at least one task")
    return {
        name: move(value, [task[name] for task in adapted], rate(name), weighed=weighed)
        for name, value in meta.items()
    }
