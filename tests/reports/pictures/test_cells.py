"""Cells as graphs: nothing overlaps, every arc leads down, operations have their names."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from harness.reports.pictures.cell_layout import HEIGHT, curves_of, graph_of, lay_out, width_of
from harness.reports.pictures.cells import ACROSS, cell_svg
from harness.space.genotype import Edge
from harness.space.spec import NODES, OPERATIONS, edge_pairs

Cell = list[tuple[Edge, Edge]]


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """Any cell of the search space."""
    found = []
    for node in range(NODES):
        pair = draw(st.sampled_from(edge_pairs(node)))
        names = [draw(st.sampled_from(OPERATIONS)) for _ in pair]
        found.append((Edge(pair[0], names[0]), Edge(pair[1], names[1])))
    return found


@given(cells())
def test_nodes_do_not_overlap(cell: Cell) -> None:
    """Any two nodes of one layer are apart, and the whole fits into a panel."""
    layout = lay_out(graph_of(cell))
    for n, node in enumerate(layout.nodes):
        for other in layout.nodes[:n]:
            (x, y), (other_x, other_y) = layout.places[node.name], layout.places[other.name]
            apart = (width_of(node) + width_of(other)) / 2
            assert abs(y - other_y) >= HEIGHT or abs(x - other_x) >= apart
    assert layout.width <= ACROSS


@given(cells())
def test_every_arc_leads_down(cell: Cell) -> None:
    """Each arc goes from its start to its end without ever turning up."""
    graph = graph_of(cell)
    layout = lay_out(graph)
    for (start, end), route in zip(graph.arcs, layout.routes, strict=True):
        assert (route[0], route[-1]) == (layout.places[start], layout.places[end])
        assert all(above[1] < below[1] for above, below in pairwise(curves_of(route)))


@given(cells())
def test_the_svg_names_every_operation(cell: Cell) -> None:
    """The SVG is well-formed and has each operation as often as the cell."""
    svg = ET.fromstring(cell_svg(lay_out(graph_of(cell)), "a cell"))  # noqa: S314 - our own
    words = Counter(text.text for text in svg.iter("{http://www.w3.org/2000/svg}text"))
    wanted = Counter(edge.operation for node in cell for edge in node)
    assert {name: words[name] for name in wanted} == dict(wanted)
