"""Search spaces: which cells, nodes, edges, pairs and operations there are; imports no torch.

`metanas` is MetaNAS's few-shot space, which the On-NAS paper takes over (section 6): four cells,
three intermediate nodes a cell, an edge to a node from both cell inputs and from every earlier
node, seven operations an edge. `darts-operations` has the same cells with DARTS's eight operations,
which the reference code has for full tasks. A plugin's space is another `SearchSpace`, or of a
subclass that brings operations of its own: all methods that train a supernet then search it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import TYPE_CHECKING, Literal

from harness.errors import UnknownNameError, UsageError
from harness.space.choices import ChoiceSpace

if TYPE_CHECKING:
    from torch import nn

    from harness.space.genotype import Genotype

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

NETWORK_CHANNELS = 16  # C of a network that is built outside of a trial

NOT_DERIVED = frozenset({"none"})  # a search may weigh it, an architecture cannot have it


@dataclass(frozen=True)
class SearchSpace(ChoiceSpace):
    """A space of cells that has a supernet (a `harness.contracts.ArchitectureSpace`).

    Every trial and checkpoint is of one space, see its key. An architecture's string is the JSON
    form of its `Genotype`; its decisions are, for each kind of cell and each node, the pair of
    edges that is kept and the operation on either.

    Attributes:
        name: as people type it.
        operations: that an edge can hold, in the order of the columns of α.
        cells: from the first to the last; both kinds among them.
        nodes: intermediate nodes of a cell.
        version: counts what changes an operation and not its name.
    """

    name: str
    operations: tuple[str, ...]
    cells: tuple[CellKind, ...] = CELLS
    nodes: int = NODES
    version: int = 1

    has_supernet = True  # of the class; no field of it

    def build_operation(
        self, name: str, channels: int, stride: int, *, affine: bool = False
    ) -> nn.Module:
        """Build an operation: (N, C, H, W) to (N, C, ceil(H/stride), ceil(W/stride)).

        A space with operations of its own overrides this, and builds the others as it is here.

        Args:
            name: one of `operations`.
            channels: C, of input and output.
            stride: 1, or 2 on the edges that leave the inputs of a reduction cell.
            affine: whether batch norm learns a scale and a shift, as it does outside the supernet.
        """
        from harness.space.operations import build_operation  # noqa: PLC0415 - imports torch

        return build_operation(name, channels, stride, affine=affine)

    @property
    def derived(self) -> tuple[int, ...]:
        """Columns of α that a derived architecture can have."""
        return tuple(i for i, name in enumerate(self.operations) if name not in NOT_DERIVED)

    @property
    def options(self) -> tuple[int, ...]:  # type: ignore[override] # a constant elsewhere
        """How many options each decision has: pairs, operations, operations, node by node."""
        count = len(self.derived)
        of_kind = [each for n in range(self.nodes) for each in (pair_count(n), count, count)]
        return tuple(of_kind * len(CELL_KINDS))

    def decisions(self, architecture: str) -> tuple[int, ...]:
        """Return which option each decision takes.

        Raises:
            UsageError: it is not an architecture of this space; says where.
        """
        found, names = self.genotype(architecture), self._names
        return tuple(
            option
            for kind in CELL_KINDS
            for node, (one, other) in enumerate(getattr(found, kind))
            for option in (
                edge_pairs(node).index((one.input, other.input)),
                names.index(one.operation),
                names.index(other.operation),
            )
        )

    def architecture(self, decisions: Sequence[int]) -> str:
        """Return the JSON form of an architecture."""
        from harness.space.genotype import Edge, Genotype  # noqa: PLC0415 - imports this module

        names, rest = self._names, iter(decisions)
        nodes = []
        for _, node in product(CELL_KINDS, range(self.nodes)):
            one, other = edge_pairs(node)[next(rest)]
            nodes.append((Edge(one, names[next(rest)]), Edge(other, names[next(rest)])))
        normal, reduction = tuple(nodes[: self.nodes]), tuple(nodes[self.nodes :])
        return Genotype(normal=normal, reduction=reduction).to_json()

    def genotype(self, architecture: str) -> Genotype:
        """Read an architecture.

        Raises:
            UsageError: it is not one of this space; says where.
        """
        from harness.space.genotype import Genotype  # noqa: PLC0415 - imports this module

        found = Genotype.from_json(architecture)
        for kind in CELL_KINDS:
            nodes = getattr(found, kind)
            if len(nodes) != self.nodes:
                raise UsageError(
                    f"{kind}: it has {len(nodes)} nodes; a cell of '{self.name}' has {self.nodes}"
                )
            for number, edge in ((n, edge) for n, node in enumerate(nodes) for edge in node):
                if edge.operation not in self._names:
                    where = f"node {number} of the {kind} cell: "
                    raise UsageError(
                        where + str(UnknownNameError("operation", edge.operation, self._names))
                    )
        return found

    def network(
        self, architecture: str, image_shape: tuple[int, int, int], classes: int
    ) -> nn.Module:
        """Return the network of an architecture, as wide as zero-cost scores are computed."""
        from harness.space.supernet import DiscreteNetwork  # noqa: PLC0415 - imports torch

        genotype = self.genotype(architecture)
        return DiscreteNetwork(genotype, image_shape[0], classes, NETWORK_CHANNELS, space=self)

    @property
    def _names(self) -> list[str]:
        """Operations that an architecture can have."""
        return [self.operations[column] for column in self.derived]


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
