"""States of a supernet, and the steps of meta-learning between them.

A meta step moves the meta parameters towards the states that several tasks (or cells) reached.

With Reptile (Nichol et al., 2018) every task counts alike. On-NAS weighs tasks element by element
with coefficients (Kim et al., SenSys '23, Eq. 3 to 5 and algorithm 1).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from harness.errors import UsageError
from harness.search.parameters import Coefficients
from harness.space.supernet import Supernet

__all__ = [
    "State",
    "coefficients",
    "load_parameters",
    "mean_of",
    "meta_step",
    "misfit_of",
    "move",
    "parameters_of",
    "split_moments",
    "with_prefix",
]

State = Mapping[str, Tensor]
"""Tensors by name: α, β and w, and second moments under names that begin with `moment.`."""

MOMENT = "moment."


def coefficients(gradients: Tensor, kind: Coefficients) -> Tensor:
    """Return On-NAS's coefficients, which sum to 1 over tasks (or cells): Eq. 4 and 5.

    `elementwise` is the softmax of each element of the signed gradient, as in the equations: the
    largest decrease counts most, not the longest distance. `norm` is the softmax over the tasks of
    one Euclidean norm a task and tensor, as the paper's text reads ("longer Euclidean distance").

    Args:
        gradients: G_i = start - reached_i, stacked, (tasks, ...).
        kind: which of them; `none` weighs all alike.

    Returns:
        What multiplies `gradients`: (tasks, ...), or (tasks, 1, ...).
    """
    if kind == "elementwise":
        return torch.softmax(gradients, dim=0)
    tasks = gradients.shape[0]
    shape = (tasks, *[1] * (gradients.dim() - 1))
    if kind == "none":
        return gradients.new_full(shape, 1 / tasks)
    return torch.softmax(gradients.reshape(tasks, -1).norm(dim=1), dim=0).reshape(shape)


def mean_of(states: Sequence[State]) -> dict[str, Tensor]:
    """Return the mean of each tensor, by name."""
    return {name: torch.stack([each[name] for each in states]).mean(dim=0) for name in states[0]}


def move(start: Tensor, reached: Sequence[Tensor], rate: float, weighed: Coefficients) -> Tensor:
    """Return start - rate x Σ_i c_i ∘ (start - reached_i).

    Args:
        start: the meta parameter, any shape.
        reached: for each task (or cell) what it became there, of the same shape.
        rate: ξ or δ; with 1 and equal weights this is the mean of what was reached.
        weighed: which coefficients c are; `none` is Reptile.
    """
    gradients = start - torch.stack(list(reached))  # (tasks, ...)
    if weighed == "none":
        return start - rate * gradients.mean(dim=0)
    return start - rate * (coefficients(gradients, weighed) * gradients).sum(dim=0)


def meta_step(
    meta: State,
    adapted: Sequence[State],
    rate: Callable[[str], float],
    weighed: Coefficients = "none",
) -> dict[str, Tensor]:
    """Move every meta parameter by what the tasks of a meta-epoch led to.

    Args:
        meta: the meta parameters by name.
        adapted: for each task, its parameters under the same names.
        rate: gives the meta learning rate of a name.
        weighed: the task coefficients; `none` is Reptile.

    Raises:
        ValueError: there was no task.
    """
    if not adapted:
        raise ValueError("a meta-epoch needs at least one task")
    return {
        name: move(value, [task[name] for task in adapted], rate(name), weighed)
        for name, value in meta.items()
    }


def split_moments(state: State) -> tuple[State, State]:
    """Return the parameters of a stored state, and its second moments by their parameter's name."""
    parameters = {name: value for name, value in state.items() if not name.startswith(MOMENT)}
    moments = {
        name.removeprefix(MOMENT): value for name, value in state.items() if name.startswith(MOMENT)
    }
    return parameters, moments


def with_prefix(moments: State) -> State:
    """Name second moments as they are stored."""
    return {MOMENT + name: moment for name, moment in moments.items()}


def parameters_of(net: Supernet) -> dict[str, Tensor]:
    """Return copies of α, β and w by name."""
    return {name: value.detach().clone() for name, value in net.named_parameters()}


@torch.no_grad()
def load_parameters(net: Supernet, state: Mapping[str, Tensor]) -> None:
    """Set α, β and w.

    Raises:
        UsageError: names or shapes are not those of this network.
    """
    parameters = dict(net.named_parameters())
    if misfit := misfit_of(state, parameters):
        raise UsageError(f"the initial state does not fit the search space: {misfit}")
    for name, parameter in parameters.items():
        parameter.copy_(state[name])


def misfit_of(state: State, wanted: State) -> str:
    """Name a tensor that is missing, unexpected or of another shape; empty if all fit.

    Args:
        state: the tensors to check, such as from a file.
        wanted: the network's own tensors, by name.
    """
    for name in sorted(wanted.keys() ^ state.keys()):
        return f"'{name[:100]}' is {'missing' if name in wanted else 'not among its tensors'}"
    for name, like in wanted.items():
        if state[name].shape != like.shape:
            shapes = tuple(state[name].shape), tuple(like.shape)
            return f"'{name}' has shape {shapes[0]} instead of {shapes[1]}"
    return ""
