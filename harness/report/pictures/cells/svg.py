"""A cell's graph as SVG for a page: its style sheet says the colours."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from harness.report.pictures.cells.graph import Node
from harness.report.pictures.cells.layout import ARROW, HEIGHT, Layout, Point, curves_of, width_of

__all__ = ["svg_of"]


def svg_of(layout: Layout, title: str) -> str:
    """Return an `svg` element; it is described by `title` and its own words.

    Classes: `cell` for the whole, `arc`, and `node` with `input`, `operation`, `sum` or `output`.
    """
    arcs = "".join(f'<path class="arc" d="{_curve(route)}"/>' for route in layout.routes)
    heads = "".join(_head(route[-1]) for route in layout.routes)
    nodes = "".join(_node(node, layout.places[node.name]) for node in layout.nodes)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cell" role="img" '
        f'aria-label="{escape(title)}" width="{layout.width:.0f}" height="{layout.height:.0f}" '
        f'viewBox="0 0 {layout.width:.0f} {layout.height:.0f}">{arcs}{heads}{nodes}</svg>'
    )


def _curve(route: Sequence[Point]) -> str:
    (x, y), *curves = curves_of(route)
    parts = [f"M{x:.0f} {y:.0f}"]
    for to_x, end in curves:
        middle = (y + end) / 2
        parts.append(f"C{x:.0f} {middle:.0f} {to_x:.0f} {middle:.0f} {to_x:.0f} {end:.0f}")
        x, y = to_x, end
    return "".join(parts)


def _head(end: Point) -> str:
    x, y = end[0], end[1] - HEIGHT / 2
    return f'<path class="head" d="M{x:.0f} {y:.0f}l-3.5 -{ARROW:.0f}h7z"/>'


def _node(node: Node, place: Point) -> str:
    width = width_of(node)
    round_by = 4 if node.kind == "operation" else HEIGHT / 2
    return (
        f'<g class="node {node.kind}"><rect x="{place[0] - width / 2:.1f}" '
        f'y="{place[1] - HEIGHT / 2:.1f}" width="{width:.1f}" height="{HEIGHT:.0f}" '
        f'rx="{round_by:.0f}"/><text x="{place[0]:.1f}" y="{place[1]:.1f}">'
        f"{escape(node.words)}</text></g>"
    )
