"""Found cells, side by side: normal and reduction cell of each architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, PathPatch
from matplotlib.path import Path

from harness.report.pictures.cells.graph import graph_of
from harness.report.pictures.cells.layout import (
    ARROW,
    HEIGHT,
    Layout,
    Point,
    curves_of,
    lay_out,
    width_of,
)
from harness.report.pictures.frame import framed
from harness.report.pictures.points import label_of
from harness.report.pictures.style import FAINT, INK, MUTED, PAPER, drawing
from harness.space.genotype import Genotype
from harness.space.topology import CELL_KINDS

__all__ = ["MOST_ARCHITECTURES", "draw_cells"]

MOST_ARCHITECTURES = 4
ACROSS = 392.0  # pixels of a layout that a panel is wide; the widest cells have fewer
PIXELS = ACROSS / 3.45  # an inch
FILLS = {"input": FAINT, "operation": PAPER, "sum": PAPER, "output": FAINT}


def draw_cells(
    title: str, architectures: Mapping[str, Genotype], notes: Sequence[str] = ()
) -> Figure | str:
    """Draw the cells of named architectures, such as those before and after a search.

    Says why if there is nothing to draw.
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
            axes.set_title(name)
            _draw(axes, layout)
    return figure


def _draw(axes: Axes, layout: Layout) -> None:
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
