"""A discrete architecture: what a search arrives at, as plain data, and how it is derived.

JSON form: for each kind of cell its nodes, for each node its two edges, each an input index
(0 and 1 are the outputs of the cell before the last and of the last cell, 2 and 3 the cell's first
two nodes) and the name of an operation:

    {"normal": [[[0, "conv_3x3"], [1, "skip_connect"]], ...], "reduction": [...]}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from harness.errors import UsageError
from harness.space.spec import (
    CELL_KINDS,
    METANAS,
    CellKind,
    SearchSpace,
    edge_count,
    edge_pairs,
    input_name,
)

__all__ = [
    "Edge",
    "Genotype",
    "derive_genotype",
]

MOST_NODES = 16  # of a cell of any space

OperationName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]{0,63}$")]


class Edge(NamedTuple):
    """One chosen edge: where it comes from and the operation it carries."""

    input: int
    operation: OperationName


NodeEdges = tuple[Edge, Edge]
CellEdges = Annotated[tuple[NodeEdges, ...], Field(min_length=1, max_length=MOST_NODES)]


class Genotype(BaseModel):
    """The chosen edges of both kinds of cell: two for each node, in the order of their inputs.

    Of which space it is, it does not say: `SearchSpace.genotype` holds it to one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    normal: CellEdges
    reduction: CellEdges

    @field_validator("normal", "reduction")
    @classmethod
    def _check_cell(cls, nodes: tuple[NodeEdges, ...]) -> tuple[NodeEdges, ...]:
        for number, node in enumerate(nodes):
            _check_node(number, node)
        return nodes

    def to_json(self) -> str:
        """Return the JSON form as one line."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> Genotype:
        """Read the JSON form.

        Raises:
            UsageError: it is not JSON, or not an architecture of any space; says where.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise UsageError(f"not an architecture: {_first_problem(error)}") from error

    def __str__(self) -> str:
        """Write each node as the sum that it computes, one line a node."""
        lines = []
        for kind in CELL_KINDS:
            lines.append(f"{kind} cell")
            for number, node in enumerate(getattr(self, kind)):
                terms = [f"{edge.operation}({input_name(edge.input)})" for edge in node]
                lines.append(f"  node {number} = {' + '.join(terms)}")
        return "\n".join(lines)


def _check_node(number: int, node: NodeEdges) -> None:
    inputs = [edge.input for edge in node]
    for edge in node:
        if not 0 <= edge.input < edge_count(number):
            allowed = f"0 to {edge_count(number) - 1}"
            raise ValueError(f"node {number} has input {edge.input}, which must be {allowed}")
    if inputs[0] >= inputs[1]:
        raise ValueError(f"node {number} must have two different inputs, the lower one first")


def _first_problem(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    message = first["msg"].removeprefix("Value error, ")
    return f"{where}: {message}" if where else message


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
