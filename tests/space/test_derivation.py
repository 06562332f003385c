"""Derivation of the discrete architecture, by hand."""

from __future__ import annotations

from harness.space.genotype import Edge, derive_genotype
from harness.space.spec import CELL_KINDS, NODES, OPERATIONS, edge_count, pair_count


def alpha_with(*peaks: tuple[int, int, int, float]) -> list[list[list[float]]]:
    """Return zeros for each node but for peaks (node, edge, operation, value)."""
    alpha = [[[0.0] * len(OPERATIONS) for _ in range(edge_count(node))] for node in range(NODES)]
    for node, edge, operation, value in peaks:
        alpha[node][edge][operation] = value
    return alpha


PEAKS = [(2, 0, 1, 0.5), (2, 1, 4, 0.9), (2, 2, 5, 0.7), (2, 3, 6, 0.6)]


def test_without_beta_the_two_edges_with_the_best_operations_stay() -> None:
    """DARTS keeps the two edges with the best operations, and on each its best operation."""
    genotype = derive_genotype({kind: alpha_with(*PEAKS) for kind in CELL_KINDS})
    assert genotype.normal[2] == (Edge(1, "conv_3x3"), Edge(2, "sep_conv_3x3"))


def test_with_beta_the_strongest_pair_stays() -> None:
    """With β the pair with the largest β stays, however weak the α of its edges."""
    beta = [[0.0] * pair_count(node) for node in range(NODES)]
    beta[2][2] = 0.1  # pairs of node 2: (0,1), (0,2), (0,3), ...
    genotype = derive_genotype(
        {kind: alpha_with(*PEAKS) for kind in CELL_KINDS}, dict.fromkeys(CELL_KINDS, beta)
    )
    assert genotype.reduction[2] == (Edge(0, "avg_pool_3x3"), Edge(3, "dil_conv_3x3"))


def test_the_first_of_equals_wins() -> None:
    """Where nothing differs, the first edges and the first operation are taken."""
    genotype = derive_genotype({kind: alpha_with() for kind in CELL_KINDS})
    assert genotype.normal[1] == (Edge(0, OPERATIONS[0]), Edge(1, OPERATIONS[0]))
