"""The graph of a cell, and the layout in which it is drawn.

Operations are nodes too, so that each has room for its name. The layout is layered (Sugiyama et
al., 1981): layers, few crossings, arcs nearly straight.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from typing import Literal

from harness.space.genotype import Edge
from harness.space.spec import CELL_INPUTS, input_name

__all__ = [
    "ARROW",
    "HEIGHT",
    "CellLayout",
    "Graph",
    "Node",
    "Point",
    "curves_of",
    "graph_of",
    "lay_out",
    "operation_name",
    "width_of",
]

HEIGHT = 22.0  # of a node, in pixels
LAYER = 44.0  # from one layer to the next
GAP = 10.0  # between neighbours in a layer
CHARACTER = 6.3
BEND = 10.0  # the width reserved for an arc that passes a layer
SWEEPS = 8
PULL = 0.85  # towards its neighbours; the rest is towards the middle, so that cells stay narrow
ARROW = 6.0  # the length of an arc's head

Point = tuple[float, float]


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


@dataclass(frozen=True)
class CellLayout:
    """Where everything is, in pixels, from the upper left corner.

    Attributes:
        places: the middle of each node.
        routes: for each arc the points that it goes through, from node to node.
    """

    nodes: tuple[Node, ...]
    places: dict[str, Point]
    routes: tuple[tuple[Point, ...], ...]
    width: float
    height: float


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
            operation = Node(operation_name(sums.index(name), place), edge.operation, "operation")
            nodes.append(operation)
            arcs += [(input_name(edge.input), operation.name), (operation.name, name)]
        nodes.append(Node(name, f"+ {name}", "sum"))
    nodes.append(Node("output", "concatenate", "output"))
    arcs += [(name, "output") for name in sums]
    return Graph(tuple(nodes), tuple(arcs))


def operation_name(node: int, place: int) -> str:
    """Return the name of the operation on one of the two edges of an intermediate node."""
    return f"{input_name(CELL_INPUTS + node)}/{place}"


def width_of(node: Node) -> float:
    """Return how wide a node is, in pixels."""
    return len(node.words) * CHARACTER + 14


def curves_of(route: Sequence[Point]) -> list[Point]:
    """Return the points of an arc's line, up to the arrow's head; it is vertical at each of them.

    Where it passes other layers it is straight, so that it does not cross the corners of nodes.
    """
    half = HEIGHT / 2
    (x, y), *bends, (end_x, end_y) = route
    passed = [(bend_x, bend_y + side) for bend_x, bend_y in bends for side in (-half, half)]
    return [(x, y + half), *passed, (end_x, end_y - half - ARROW)]


def lay_out(graph: Graph) -> CellLayout:
    """Place the nodes of a graph from top to bottom, every arc downwards."""
    nodes = (Node(node.name, "x" * len(node.words), node.kind) for node in graph.nodes)
    return replace(_laid_out(Graph(tuple(nodes), graph.arcs)), nodes=graph.nodes)


@lru_cache(maxsize=2048)  # of words only lengths count, and so cells are often laid out alike
def _laid_out(graph: Graph) -> CellLayout:
    layer = _layers(graph)
    chains = [_chain(arc, layer) for arc in graph.arcs]
    steps = [step for chain in chains for step in pairwise(chain)]
    rows = _rows(graph, chains, layer)
    widths = {node.name: width_of(node) for node in graph.nodes}
    above, below = _neighbours(steps), _neighbours((b, a) for a, b in steps)
    _order_all(rows, above, below)
    across = _across(rows, widths, above, below)
    left = min(x - widths.get(name, BEND) / 2 for name, x in across.items()) - 4
    right = max(x + widths.get(name, BEND) / 2 for name, x in across.items()) + 4
    down = {name: 4 + HEIGHT / 2 + LAYER * row for row, names in enumerate(rows) for name in names}
    places = {name: (x - left, down[name]) for name, x in across.items()}
    return CellLayout(
        nodes=graph.nodes,
        places={node.name: places[node.name] for node in graph.nodes},
        routes=tuple(tuple(places[name] for name in chain) for chain in chains),
        width=right - left,
        height=8 + HEIGHT + LAYER * (len(rows) - 1),
    )


def _layers(graph: Graph) -> dict[str, int]:
    """Put inputs first and output last; between them each sum, in order, below its operations.

    The longest path would put sums that do not depend on each other side by side, with all their
    operations in one layer, too wide to print.
    """
    sums = [node.name for node in graph.nodes if node.kind == "sum"]
    layer = {node.name: 0 for node in graph.nodes}
    layer |= {name: 2 * (place + 1) for place, name in enumerate(sums)}
    layer |= {start: layer[end] - 1 for start, end in graph.arcs if end in sums}
    return layer | {"output": 2 * len(sums) + 1}


def _chain(arc: tuple[str, str], layer: dict[str, int]) -> list[str]:
    """Return the nodes on an arc: its ends, and a bend in each layer between them."""
    start, end = arc
    bends = range(layer[start] + 1, layer[end])
    return [start, *(f"{start}>{end}@{row}" for row in bends), end]


def _rows(graph: Graph, chains: Iterable[Sequence[str]], layer: dict[str, int]) -> list[list[str]]:
    rows: list[list[str]] = [[] for _ in range(max(layer.values()) + 1)]
    for node in graph.nodes:
        rows[layer[node.name]].append(node.name)
    for chain in chains:
        for place, name in enumerate(chain[1:-1], start=layer[chain[0]] + 1):
            rows[place].append(name)
    return rows


def _neighbours(steps: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Return for each name those that a step leads from."""
    found: dict[str, list[str]] = {}
    for start, end in steps:
        found.setdefault(end, []).append(start)
    return found


def _order_all(
    rows: list[list[str]], above: dict[str, list[str]], below: dict[str, list[str]]
) -> None:
    """Order the rows downwards and upwards in turn, until that changes nothing."""
    for _ in range(SWEEPS // 2):
        known = [list(row) for row in rows]
        _order(rows, above)
        _order(rows[::-1], below)
        if rows == known:
            return


def _order(rows: Sequence[list[str]], before: dict[str, list[str]]) -> None:
    """Sort each row by the mean place of its neighbours in the row before: fewer crossings."""
    for earlier, row in pairwise(rows):
        place = {name: number for number, name in enumerate(earlier)}
        own = {name: number for number, name in enumerate(row)}
        means = {
            name: _mean([place[each] for each in before[name]]) if name in before else own[name]
            for name in row
        }
        row.sort(key=lambda name: means[name])


def _across(
    rows: Sequence[Sequence[str]],
    widths: dict[str, float],
    above: dict[str, list[str]],
    below: dict[str, list[str]],
) -> dict[str, float]:
    """Move each name towards its neighbours, in order and apart; the middle is at 0."""
    beside = {name: above.get(name, []) + below.get(name, []) for row in rows for name in row}
    placed = [(row, _offsets(row, widths)) for row in rows]
    across: dict[str, float] = {}
    for row, offsets in placed:
        across |= zip(row, _spaced([0.0] * len(row), offsets), strict=True)
    for sweep in range(SWEEPS):
        for row, offsets in placed if sweep % 2 == 0 else reversed(placed):
            wished = [PULL * _mean([across[each] for each in beside[name]]) for name in row]
            across |= zip(row, _spaced(wished, offsets), strict=True)
    return across


def _offsets(row: Sequence[str], widths: dict[str, float]) -> list[float]:
    """Return the positions of a row's names if they are packed from 0 with minimal gaps."""
    taken, offsets = 0.0, []
    for name in row:
        half = widths.get(name, BEND) / 2
        offsets.append(taken + half)
        taken += 2 * half + GAP
    return offsets


def _spaced(wished: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """Return the positions nearest to the wished ones (least squares) that keep names apart.

    After subtracting the packed offsets, positions only have to be in order, which is a monotone
    regression: blocks that are out of order are joined.
    """
    blocks: list[tuple[float, int]] = []  # of neighbours that share a level: it, and how many
    for wish, offset in zip(wished, offsets, strict=True):
        level, many = wish - offset, 1
        while blocks and blocks[-1][0] > level:
            before, more = blocks.pop()
            level, many = (before * more + level * many) / (more + many), more + many
        blocks.append((level, many))
    levels = [level for level, many in blocks for _ in range(many)]
    return [level + offset for level, offset in zip(levels, offsets, strict=True)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
