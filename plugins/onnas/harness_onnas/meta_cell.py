"""The meta cell: what the four cells of the supernet are folded into, and unfolded from.

The cells share w. α and β are not folded, since all cells of a kind share them already; stem and
head are not folded either (section 4.2).

Only weights that all cells have are folded. Skip connections of stride 2 are left out: in a normal
cell a skip connection has no weights, so the meta cell has none for it, and in a reduction cell it
starts as near to the identity as possible, see `identity_reduction`. So the meta cell holds a
quarter of the four cells' weights, or less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from harness.search.parameters import Coefficients
from harness.search.states import move
from harness.space.supernet import Supernet

__all__ = ["PREFIX", "fold", "identity_reduction", "meta_cell_of", "unfold"]

PREFIX = "meta_cell."  # of the names of the folded weights

State = Mapping[str, Tensor]


def fold(
    state: State, meta_cell: State, rate: float, weighed: Coefficients = "none"
) -> dict[str, Tensor]:
    """Move the meta cell towards the cells: meta-cell learning (algorithm 1, Eq. 5).

    Args:
        state: parameters of the supernet, `cells.<number>.<weight>`, and others.
        meta_cell: the folded weights so far, by the names they have inside a cell; if it is empty,
            the first cell becomes the meta cell.
        rate: δ, the meta-cell learning rate.
        weighed: the cell coefficients; `none` counts each cell alike.

    Returns:
        The new folded state: `meta_cell.<weight>`, and everything in `state` that is in no cell.
    """
    cells = _cells(state)
    shared = [name for name in cells[0] if all(name in cell for cell in cells)]
    folded = {name: value for name, value in state.items() if not name.startswith("cells.")}
    for name in shared:
        reached = [cell[name] for cell in cells]
        start = meta_cell.get(name)
        new = reached[0] if start is None else move(start, reached, rate, weighed)
        folded[PREFIX + name] = new
    return folded


def fold_alike(state: State) -> dict[str, Tensor]:
    """Fold tensors that are not parameters, by the mean over the cells alone."""
    return fold(state, fold_one(state), rate=1.0)


def fold_one(state: State) -> dict[str, Tensor]:
    """Return the first cell's values of weights that all cells have, by the names in a cell."""
    return meta_cell_of(fold(state, {}, rate=1.0))


def tie_gradients(net: Supernet) -> None:
    """Set the gradient of each weight that all cells have to its mean over the cells.

    Cells that start from the same weights then stay the same while a task is learned.
    """
    cells = [dict(cell.named_parameters()) for cell in net.cells]
    for name in cells[0]:
        shared = [cell[name] for cell in cells if name in cell]
        gradients = [each.grad for each in shared if each.grad is not None]
        if len(shared) == len(gradients) == len(cells):
            mean = torch.stack(gradients).mean(dim=0)
            for each in shared:
                each.grad = mean


def unfold(
    folded: State, like: State, missing: Callable[[Tensor], Tensor] | None = None
) -> dict[str, Tensor]:
    """Copy the meta cell into each cell of a supernet.

    Args:
        folded: what `fold` returned.
        like: parameters of the supernet.
        missing: makes the weights that the meta cell lacks; by default the identity.

    Raises:
        KeyError: a weight is missing in `folded`.
    """
    state = {}
    for name, value in like.items():
        if not name.startswith("cells."):
            state[name] = folded[name].clone()
            continue
        weight = name.split(".", 2)[2]
        if PREFIX + weight in folded:
            state[name] = folded[PREFIX + weight].clone()
        elif _is_strided_skip(weight):
            state[name] = (missing or identity_reduction)(value)
        else:
            raise KeyError(PREFIX + weight)
    return state


def meta_cell_of(folded: State) -> dict[str, Tensor]:
    """Return the folded weights alone, by the names they have inside a cell."""
    return {
        name.removeprefix(PREFIX): value
        for name, value in folded.items()
        if name.startswith(PREFIX)
    }


def identity_reduction(like: Tensor) -> Tensor:
    """Return the weight of a factorized reduction that hands each channel on, (C, C, 1, 1).

    Half of the channels come from the even pixels, half from the odd ones.
    """
    size = like.shape[0]
    return torch.eye(size, dtype=like.dtype, device=like.device).reshape(like.shape)


def _cells(state: State) -> Sequence[dict[str, Tensor]]:
    """Return the weights of each cell, by the names that they have inside it."""
    count = len({name.split(".", 2)[1] for name in state if name.startswith("cells.")})
    return [
        {
            name.removeprefix(f"cells.{number}."): value
            for name, value in state.items()
            if name.startswith(f"cells.{number}.")
        }
        for number in range(count)
    ]


def _is_strided_skip(weight: str) -> bool:
    return ".skip_connect." in weight
