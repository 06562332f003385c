"""Draws the cells that searches found: as pictures, or as SVG that a page's style sheet colours."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from html import escape

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from harness.reports.pictures.cell_layout import (
    ARROW,
    HEIGHT,
    CellLayout,
    Node,
    Point,
    curves_of,
    graph_of,
    lay_out,
    width_of,
)
from harness.reports.pictures.frame import framed, titled
from harness.reports.pictures.notes import label_of
from harness.reports.pictures.style import FAINT, INK, MUTED, PAPER, drawing
from harness.space.genotype import Genotype
from harness.space.spec import CELL_KINDS

__all__ = ["MOST_ARCHITECTURES", "cell_svg", "draw_cells"]

MOST_ARCHITECTURES = 4
ACROSS = 392.0  # pixels of a layout that a panel is wide; the widest cells have fewer
PIXELS = ACROSS / 3.45  # an inch
FILLS = {"input": FAINT, "operation": PAPER, "sum": PAPER, "output": FAINT}


def draw_cells(
    title: str, architectures: Mapping[str, Genotype], notes: Sequence[str] = ()
) -> Figure | str:
    """Draw the cells of named architectures, such as those before and after a search.

    Return a sentence instead if there is nothing to draw.
    """
    shown = dict(list(architectures.items())[:MOST_ARCHITECTURES])
    if not shown:
        return f"{title}: there is no architecture."
    more = len(architectures) - len(shown)
    said = [*notes, *([f"Not drawn: {more} more architectures."] if more else [])]
    cells = [
        (f"{label_of(name)}: {kind} cell", lay_out(graph_of(getattr(genotype, kind))))
        for name, genotype in shown.items()
        for kind in CELL_KINDS
    ]
    with drawing():
        figure, grid = framed(title, said, len(cells), height=cells[0][1].height / PIXELS + 0.3)
        for axes, (name, layout) in zip(grid, cells, strict=True):
            titled(axes, name)
            _draw(axes, layout)
    return figure


def _draw(axes: Axes, layout: CellLayout) -> None:
    left = (layout.width - ACROSS) / 2
    axes.set(xlim=(left, left + ACROSS), ylim=(layout.height, 0), aspect="equal", anchor="N")
    axes.axis("off")
    for route in layout.routes:
        _arc(axes, route)
    for node in layout.nodes:
        x, y = layout.places[node.name]
        wide = width_of(node)
        rounding = 3 if node.kind == "operation" else HEIGHT / 2 - 0.1
        axes.add_patch(
            FancyBboxPatch(
                (x - wide / 2, y - HEIGHT / 2), wide, HEIGHT, fc=FILLS[node.kind], ec=MUTED,
                boxstyle=f"round,pad=0,rounding_size={rounding}", lw=0.8, zorder=3,
            )
        )  # fmt: skip
        axes.text(x, y, node.words, ha="center", va="center_baseline", size=6.3, zorder=4)


def _arc(axes: Axes, route: Sequence[Point]) -> None:
    (x, y), *curves = curves_of(route)
    points, codes = [(x, y)], [Path.MOVETO]
    for to_x, end in curves:
        points += [(x, (y + end) / 2), (to_x, (y + end) / 2), (to_x, end)]
        codes += [Path.CURVE4] * 3
        x, y = to_x, end
    axes.add_patch(PathPatch(Path(points, codes), fc="none", ec=INK, lw=0.8))
    axes.fill([x - 3, x + 3, x], [y, y, y + ARROW], color=INK, lw=0)


def cell_svg(layout: CellLayout, title: str, changed: Collection[str] = ()) -> str:
    """Return an `svg` element; it is described by `title` and its own words.

    Classes: `cell` for the whole, `arc`, and `node` with `input`, `operation`, `sum` or `output`;
    operations have that of their name, and those that `changed` names are `changed` besides.
    """
    arcs = "".join(f'<path class="arc" d="{_curve(route)}"/>' for route in layout.routes)
    heads = "".join(_head(route[-1]) for route in layout.routes)
    nodes = "".join(
        _node(node, layout.places[node.name], node.name in changed) for node in layout.nodes
    )
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


def _node(node: Node, place: Point, is_changed: bool) -> str:
    width = width_of(node)
    round_by = 4 if node.kind == "operation" else HEIGHT / 2
    kinds = [node.kind, *([f"op-{node.words}"] if node.kind == "operation" else [])]
    classes = " ".join(["node", *kinds, *(["changed"] if is_changed else [])])
    return (
        f'<g class="{escape(classes)}"><rect x="{place[0] - width / 2:.1f}" '
        f'y="{place[1] - HEIGHT / 2:.1f}" width="{width:.1f}" height="{HEIGHT:.0f}" '
        f'rx="{round_by:.0f}"/><text x="{place[0]:.1f}" y="{place[1]:.1f}">'
        f"{escape(node.words)}</text></g>"
    )
