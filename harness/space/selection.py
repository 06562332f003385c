"""Which operations and edge pairs an update moves, as plain data.

A selection is made of Python values, not of tensors: which operation runs with gradients is decided
before anything is computed, and so it can be decided where no values are at hand (meta tensors).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.space.spec import CellKind, edge_count, edge_pairs

__all__ = ["NodeSelection", "Selection", "select_node"]


@dataclass(frozen=True)
class NodeSelection:
    """What of one node is tracked: gets gradients and is updated."""

    operations: tuple[tuple[bool, ...], ...]  # (edges, operations); all False on untracked edges
    pairs: tuple[bool, ...]  # (pairs,)


@dataclass(frozen=True)
class Selection:
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
