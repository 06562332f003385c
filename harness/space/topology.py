"""The shape of the search space: which cells, nodes, edges, pairs and operations there are.

It is MetaNAS's few-shot space, which the On-NAS paper takes over (section 6): four cells, three
intermediate nodes a cell, an edge to a node from both cell inputs and from every earlier node,
seven operations an edge.
"""

from __future__ import annotations

from itertools import combinations
from typing import Literal

__all__ = [
    "CELLS",
    "CELL_INPUTS",
    "CELL_KINDS",
    "NODES",
    "OPERATIONS",
    "CellKind",
    "edge_count",
    "edge_pairs",
    "input_name",
    "pair_count",
]

CellKind = Literal["normal", "reduction"]

CELL_KINDS: tuple[CellKind, ...] = ("normal", "reduction")
CELLS: tuple[CellKind, ...] = ("normal", "reduction", "normal", "reduction")
CELL_INPUTS = 2  # the outputs of the two cells before, the older one first
NODES = 3

OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "conv_1x5_5x1",
    "conv_3x3",
    "sep_conv_3x3",
    "dil_conv_3x3",
)
"""Every operation an edge can hold, in the order of the columns of α."""


def edge_count(node: int) -> int:
    """Return how many edges lead to a node: one from each cell input and each earlier node."""
    return CELL_INPUTS + node


def edge_pairs(node: int) -> list[tuple[int, int]]:
    """Return the pairs of edges that lead to a node, in the order of the entries of β."""
    return list(combinations(range(edge_count(node)), 2))


def pair_count(node: int) -> int:
    """Return how many pairs of edges lead to a node: 1, 3 and 6."""
    return len(edge_pairs(node))


def input_name(edge: int) -> str:
    """Name where an edge comes from: `older`, `newer`, `node 0`, `node 1`."""
    return ("older", "newer")[edge] if edge < CELL_INPUTS else f"node {edge - CELL_INPUTS}"
