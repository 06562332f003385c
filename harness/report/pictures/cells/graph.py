"""A cell as a graph whose operations are nodes too, so that each has room for its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.space.genotype import Edge
from harness.space.topology import CELL_INPUTS, input_name

__all__ = ["Graph", "Node", "graph_of"]


@dataclass(frozen=True)
class Node:
    """A state of the cell, an operation, or the cell's output.

    Attributes:
        name: unique in the graph.
        words: what is written into it.
    """

    name: str
    words: str
    kind: Literal["input", "operation", "sum", "output"]


@dataclass(frozen=True)
class Graph:
    """Nodes and the arcs between their names, from earlier to later."""

    nodes: tuple[Node, ...]
    arcs: tuple[tuple[str, str], ...]


def graph_of(cell: Sequence[tuple[Edge, Edge]]) -> Graph:
    """Return the graph of a cell: inputs, operations, sums, and the output that joins the sums.

    Args:
        cell: for each intermediate node its two edges.
    """
    nodes = [Node(input_name(i), f"{input_name(i)} input", "input") for i in range(CELL_INPUTS)]
    arcs: list[tuple[str, str]] = []
    sums = [input_name(CELL_INPUTS + number) for number in range(len(cell))]
    for name, edges in zip(sums, cell, strict=True):
        for place, edge in enumerate(edges):
            operation = Node(f"{name}/{place}", edge.operation, "operation")
            nodes.append(operation)
            arcs += [(input_name(edge.input), operation.name), (operation.name, name)]
        nodes.append(Node(name, f"+ {name}", "sum"))
    nodes.append(Node("output", "concatenate", "output"))
    arcs += [(name, "output") for name in sums]
    return Graph(tuple(nodes), tuple(arcs))
