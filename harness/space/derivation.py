"""From architecture parameters to the discrete architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from harness.space.genotype import Edge, Genotype
from harness.space.spec import METANAS, CellKind, SearchSpace, edge_pairs

__all__ = ["derive_genotype"]

NodeAlpha = Sequence[Sequence[float]]  # (edges, operations)
NodeBeta = Sequence[float]  # (pairs,)


def derive_genotype(
    alpha: Mapping[CellKind, Sequence[NodeAlpha]],
    beta: Mapping[CellKind, Sequence[NodeBeta]] | None = None,
    space: SearchSpace = METANAS,
) -> Genotype:
    """Choose two edges for each node and one operation for each of these edges.

    With β a node keeps the pair of edges with the largest β, as in On-NAS (section 5.1); without,
    the two edges with the largest best operation weight, as in DARTS (section 2.4 there). Each edge
    that is kept carries the operation with the largest weight. The first of equals wins.

    Args:
        alpha: for each kind of cell, for each node, operation weights such as softmax(α),
            (edges, operations).
        beta: for each kind of cell, for each node, (pairs,); None for a space without β.
        space: says what the columns are, and which of them an architecture can have.
    """
    names = [space.operations[column] for column in space.derived]
    alpha = {
        kind: [[[row[column] for column in space.derived] for row in node] for node in nodes]
        for kind, nodes in alpha.items()
    }
    cells = {
        kind: tuple(
            _derive_node(
                number, node_alpha, beta[kind][number] if beta is not None else None, names
            )
            for number, node_alpha in enumerate(nodes)
        )
        for kind, nodes in alpha.items()
    }
    return Genotype(normal=cells["normal"], reduction=cells["reduction"])


def _derive_node(
    number: int, alpha: NodeAlpha, beta: NodeBeta | None, names: Sequence[str]
) -> tuple[Edge, Edge]:
    chosen = _strongest_edges(alpha) if beta is None else edge_pairs(number)[_argmax(beta)]
    first, second = (Edge(edge, names[_argmax(alpha[edge])]) for edge in chosen)
    return first, second


def _strongest_edges(alpha: NodeAlpha) -> tuple[int, int]:
    by_strength = sorted(range(len(alpha)), key=lambda edge: -max(alpha[edge]))
    first, second = sorted(by_strength[:2])
    return first, second


def _argmax(values: Sequence[float]) -> int:
    return max(range(len(values)), key=values.__getitem__)
