"""From α and β to the weight of every operation on every edge: computed once a forward pass.

A node sums, over its edges e and operations k,

    w_e softmax(α_e / τ)_k o_k(x_e)

where w_e is 1 without β, and with β the sum of the weights softmax(β / τ) of the pairs that hold e.
That is the sum over pairs (a, b) of softmax(β / τ)_(a,b) (o_a + o_b), with each edge computed once.

A selection says which operations and pairs an update moves, as plain data: it is decided before
anything is computed, also where no values are at hand. Drop path leaves whole operations out at
random, image by image; its draw is explicit, so that a pass that runs again meets the same one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain

import torch
from torch import Tensor

from harness.space.spec import CELLS, METANAS, CellKind, SearchSpace, edge_count, edge_pairs

__all__ = [
    "CellMixing",
    "DropPath",
    "Mixing",
    "NodeMixing",
    "NodeSelection",
    "Tracked",
    "UpdateSelection",
    "draw_drop_path",
    "edge_weights",
    "mix",
    "operation_weights",
    "select_node",
]


@dataclass(frozen=True)
class NodeSelection:
    """What of one node is tracked: gets gradients and is updated."""

    operations: tuple[tuple[bool, ...], ...]  # (edges, operations); all False on untracked edges
    pairs: tuple[bool, ...]  # (pairs,)


@dataclass(frozen=True)
class UpdateSelection:
    """What of every cell is tracked, and whether gradients pass through the rest.

    Where they pass `through` all operations, every gradient is that of ordinary back-propagation,
    restricted to what is selected. Otherwise what is not selected counts as a constant: it keeps no
    activations, but the gradients of everything before it lack its part.
    """

    nodes: Mapping[CellKind, Sequence[NodeSelection]]
    through: bool = False


def select_node(
    node: int, operations: Sequence[Sequence[bool]], pairs: Sequence[bool]
) -> NodeSelection:
    """Combine chosen operations and chosen pairs: an edge is tracked iff a chosen pair holds it.

    Args:
        node: number of the node.
        operations: (edges, operations), the operations chosen on each edge.
        pairs: (pairs,), the chosen pairs, in the order of `spec.edge_pairs`.
    """
    chosen = [pair for pair, is_chosen in zip(edge_pairs(node), pairs, strict=True) if is_chosen]
    tracked = {edge for pair in chosen for edge in pair}
    rows = tuple(
        tuple(is_chosen and edge in tracked for is_chosen in operations[edge])
        for edge in range(edge_count(node))
    )
    return NodeSelection(rows, tuple(pairs))


@dataclass(frozen=True)
class DropPath:
    """One draw: for each cell, for each node, factors of shape (edges, operations, images)."""

    factors: tuple[tuple[Tensor, ...], ...]

    def part(self, images: slice) -> DropPath:
        """Return the draw for some of the images, such as a micro-batch."""
        return DropPath(tuple(tuple(node[..., images] for node in cell) for cell in self.factors))


def draw_drop_path(  # noqa: PLR0913 - what is drawn, and where it lives
    images: int,
    drop_probability: float,
    generator: torch.Generator,
    *,
    space: SearchSpace = METANAS,
    device: torch.device | str = "cpu",
    dtype: torch.dtype | None = None,
) -> DropPath:
    """Draw which operations each image meets: a factor is 0 or 1 / (1 - drop_probability).

    Skip connections are never dropped (DARTS, section 3.1; MetaNAS follows it).

    Args:
        images: number of images in the batch.
        drop_probability: of each operation on each edge for each image, in [0, 1).
        generator: on the CPU, so that every device draws the same.
        space: whose cells, nodes and operations there are.
        device: where the factors are to live.
        dtype: of the factors; torch's default if None.
    """
    keep = 1.0 - drop_probability
    skips = [column for column, name in enumerate(space.operations) if name == "skip_connect"]

    def draw(node: int) -> Tensor:
        chances = torch.full((edge_count(node), len(space.operations), images), keep, dtype=dtype)
        factors = torch.bernoulli(chances, generator=generator) / keep
        factors[:, skips] = 1.0
        return factors.to(device)

    return DropPath(tuple(tuple(draw(node) for node in range(space.nodes)) for _ in space.cells))


Tracked = Sequence[Sequence[bool]]
Parameters = Mapping[CellKind, Sequence[Tensor]]


@dataclass(frozen=True)
class NodeMixing:
    """What a node's sum needs besides its inputs."""

    weights: Tensor  # (edges, operations), or (edges, operations, N, 1, 1, 1) with drop path
    tracked: Tracked | None = None  # [edge][operation], whose own weights learn; None: all of them
    through: bool = False  # whether the others pass gradients on to their inputs and `weights`

    def with_weights(self, weights: Tensor) -> NodeMixing:
        """Return the same with other weights."""
        return replace(self, weights=weights)

    @property
    def back(self) -> list[bool]:
        """Tell of each operation, edge after edge, whether a backward pass goes through it."""
        if self.tracked is None or self.through:
            return [True] * (self.weights.shape[0] * self.weights.shape[1])
        return list(chain(*self.tracked))

    @property
    def learns(self) -> list[bool]:
        """Tell of each operation, edge after edge, whether its own weights get gradients."""
        if self.tracked is None:
            return [True] * (self.weights.shape[0] * self.weights.shape[1])
        return list(chain(*self.tracked))


CellMixing = tuple[NodeMixing, ...]  # one for each node


@dataclass(frozen=True)
class Mixing:
    """The mixing weights of one forward pass, cell by cell."""

    cells: tuple[CellMixing, ...]

    def weights(self) -> list[Tensor]:
        """Return every tensor of weights, in the order of cells and nodes."""
        return [node.weights for cell in self.cells for node in cell]

    def with_weights(self, weights: Sequence[Tensor]) -> Mixing:
        """Return the same mixing with other tensors in the place of those of `weights()`."""
        rest = iter(weights)
        return Mixing(
            tuple(tuple(node.with_weights(next(rest)) for node in cell) for cell in self.cells)
        )

    def dropped(self, drop_path: DropPath | None) -> Mixing:
        """Return the same mixing with some operations left out for some images."""
        if drop_path is None:
            return self
        cells = zip(self.cells, drop_path.factors, strict=True)
        return Mixing(tuple(_drop(cell, factors) for cell, factors in cells))


def mix(  # noqa: PLR0913 - as `Supernet.mixing`, and its parameters
    alpha: Parameters,
    beta: Parameters | None,
    temperature: float = 1.0,
    selection: UpdateSelection | None = None,
    drop_path: DropPath | None = None,
    *,
    cells: Sequence[CellKind] = CELLS,
) -> Mixing:
    """Compute the mixing weights of every cell.

    Args:
        alpha: for each kind of cell, for each node, (edges, operations).
        beta: for each kind of cell, for each node, (pairs,); None for a plain sum over edges.
        temperature: τ, divides α and β.
        selection: what is tracked; α and β of all else get exactly zero gradient. It also says
            whether gradients pass through what is not.
        drop_path: a draw of this batch, if operations are to be dropped.
        cells: their kinds, from the first to the last.
    """

    def mix_node(kind: CellKind, node: int) -> NodeMixing:
        node_beta = beta[kind][node] if beta is not None else None
        if selection is None:
            return _mix_node(node, alpha[kind][node], node_beta, temperature, None)
        selected = selection.nodes[kind][node]
        mixed = _mix_node(node, alpha[kind][node], node_beta, temperature, selected)
        return replace(mixed, through=selection.through)

    kinds = {kind: tuple(mix_node(kind, n) for n in range(len(alpha[kind]))) for kind in alpha}
    return Mixing(tuple(kinds[kind] for kind in cells)).dropped(drop_path)


def operation_weights(
    alpha: Tensor, temperature: float, selected: Sequence[Sequence[bool]] | None = None
) -> Tensor:
    """Return softmax(α / τ) over the operations of each edge, (edges, operations)."""
    return torch.softmax(_hold_unselected(alpha, selected) / temperature, dim=-1)


def edge_weights(
    beta: Tensor, node: int, temperature: float, selected: Sequence[bool] | None = None
) -> Tensor:
    """Return for each edge the sum of the weights softmax(β / τ) of its pairs, (edges,)."""
    pair_weights = torch.softmax(_hold_unselected(beta, selected) / temperature, dim=-1).unbind()
    of_edge: list[list[Tensor]] = [[] for _ in range(edge_count(node))]
    for pair, weight in zip(edge_pairs(node), pair_weights, strict=True):
        for edge in pair:
            of_edge[edge].append(weight)
    return torch.stack([torch.stack(weights).sum() for weights in of_edge])


def _mix_node(
    node: int,
    alpha: Tensor,
    beta: Tensor | None,
    temperature: float,
    selected: NodeSelection | None,
) -> NodeMixing:
    operations, pairs = (selected.operations, selected.pairs) if selected else (None, None)
    weights = operation_weights(alpha, temperature, operations)  # (edges, operations)
    if beta is not None:
        weights = weights * edge_weights(beta, node, temperature, pairs).unsqueeze(-1)
    return NodeMixing(weights, operations)


def _hold_unselected(
    values: Tensor, selected: Sequence[bool] | Sequence[Sequence[bool]] | None
) -> Tensor:
    # Softmax couples its inputs: without this, what is not selected would get a gradient too.
    if selected is None:
        return values
    return torch.where(torch.tensor(selected, device=values.device), values, values.detach())


def _drop(cell: CellMixing, factors: Sequence[Tensor]) -> CellMixing:
    dropped = []
    for node, factor in zip(cell, factors, strict=True):
        weights = node.weights.unsqueeze(-1) * factor  # (edges, operations, N)
        dropped.append(node.with_weights(weights[..., None, None, None]))
    return tuple(dropped)
