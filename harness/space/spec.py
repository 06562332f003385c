"""Search spaces: which cells, nodes, edges, pairs and operations there are; imports no torch.

`metanas` is MetaNAS's few-shot space, which the On-NAS paper takes over (section 6): four cells,
three intermediate nodes a cell, an edge to a node from both cell inputs and from every earlier
node, seven operations an edge. `darts-operations` has the same cells with DARTS's eight operations,
which the reference code has for full tasks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Literal

from harness.errors import UnknownNameError

__all__ = [
    "CELLS",
    "CELL_INPUTS",
    "CELL_KINDS",
    "DARTS_OPERATIONS",
    "METANAS",
    "NODES",
    "OPERATIONS",
    "SPACES",
    "CellKind",
    "SearchSpace",
    "darts_operations",
    "edge_count",
    "edge_pairs",
    "input_name",
    "metanas",
    "pair_count",
    "space_named",
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
"""Every operation that an edge of the few-shot space can hold, in the order of α's columns."""

DARTS_OPERATIONS = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""The operations of DARTS (Liu et al., 2019, section 3.1), in its order."""

NOT_DERIVED = frozenset({"none"})  # a search may weigh it, an architecture cannot have it


@dataclass(frozen=True)
class SearchSpace:
    """What a search chooses from; every trial and checkpoint is of one space, see its key.

    Attributes:
        name: as people type it.
        operations: that an edge can hold, in the order of the columns of α.
        cells: from the first to the last.
        nodes: intermediate nodes of a cell.
        version: counts what changes an operation and not its name.
    """

    name: str
    operations: tuple[str, ...]
    cells: tuple[CellKind, ...] = CELLS
    nodes: int = NODES
    version: int = 1

    has_supernet: ClassVar[bool] = True

    @property
    def derived(self) -> tuple[int, ...]:
        """Columns of α that a derived architecture can have."""
        return tuple(i for i, name in enumerate(self.operations) if name not in NOT_DERIVED)


METANAS = SearchSpace("metanas", OPERATIONS)

SPACES: Mapping[str, SearchSpace] = {
    space.name: space for space in (METANAS, SearchSpace("darts-operations", DARTS_OPERATIONS))
}


def metanas() -> SearchSpace:
    """Return MetaNAS's few-shot space."""
    return METANAS


def darts_operations() -> SearchSpace:
    """Return the same cells with DARTS's operations."""
    return SPACES["darts-operations"]


def space_named(name: str) -> SearchSpace:
    """Return the space of a name.

    Raises:
        UnknownNameError: there is none; the message has the nearest name.
    """
    if name not in SPACES:
        raise UnknownNameError("search space", name, SPACES)
    return SPACES[name]


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
