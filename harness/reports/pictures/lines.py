"""Panels of lines with bands and names at their ends, for curves, sweeps and steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from harness.reports.pictures.frame import MAX_PANELS, framed, panels_left_out, titled
from harness.reports.pictures.style import MUTED, PAPER, Look, looks

__all__ = ["MOST_LINES", "LinePanel", "PlotLine", "draw_line_panels"]

MOST_LINES = 12  # in a panel: more can be neither told apart nor named
MARKS = 8  # on a line of many points
ROW = 0.066  # of the axes' height, between two names


@dataclass(frozen=True)
class PlotLine:
    """A line over `x`, with the least and the most over seeds at each point if they differ.

    Attributes:
        hollow: whether its marks are hollow, since its numbers were not measured.
    """

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]
    hollow: bool = False


@dataclass(frozen=True)
class LinePanel:
    """The axes that lines share.

    Attributes:
        x_words: the label of the horizontal axis, with its unit.
        y_words: the label of the vertical axis.
        lines: the lines to draw; of more than `MOST_LINES`, only the first are drawn.
        among: how many lines there are.
        dress: sets the axes' scales, and draws what is behind the lines.
        references: dotted lines to compare with.
        is_stepped: whether lines rise in steps, each at its mark; the horizontal axis then has any
            numbers, else counts.
    """

    title: str
    x_words: str
    y_words: str
    lines: Sequence[PlotLine]
    among: int
    dress: Callable[[Axes], None] = lambda _: None
    references: Sequence[PlotLine] = ()
    is_stepped: bool = False


def draw_line_panels(title: str, notes: Sequence[str], panels: Sequence[LinePanel]) -> Figure:
    """Draw panels, in all of which a name has the same look.

    Args:
        title: what is seen.
        notes: lines under the panels.
        panels: at least one.
    """
    shown = panels[:MAX_PANELS]
    every = [*notes, *_left_out(panels), *panels_left_out(len(panels))]
    figure, grid = framed(title, every, len(shown))
    styles = looks(line.name for panel in panels for line in panel.lines[:MOST_LINES])
    for axes, panel in zip(grid, shown, strict=True):
        axes.set(xlabel=panel.x_words, ylabel=panel.y_words)
        titled(axes, panel.title)
        panel.dress(axes)
        stepped = "steps-post" if panel.is_stepped else "default"
        for line in panel.references:
            axes.plot(
                line.x, line.y, color=MUTED, lw=0.9, ls=(0, (1, 1.5)), drawstyle=stepped,
                zorder=3 if panel.is_stepped else 2,  # the best there is lies on what comes near
            )  # fmt: skip
        if not panel.is_stepped:  # steps and meta-epochs are counts
            axes.xaxis.set_major_locator(MaxNLocator(4, integer=True, min_n_ticks=1))
        _draw(axes, panel.lines[:MOST_LINES], styles, stepped)
        _name(axes, [*panel.lines[:MOST_LINES], *panel.references], styles)
    return figure


def _left_out(panels: Sequence[LinePanel]) -> list[str]:
    most = max(panel.among for panel in panels)
    return (
        [f"Each panel shows the first {MOST_LINES} of {most} lines."] if most > MOST_LINES else []
    )


def _draw(axes: Axes, lines: Sequence[PlotLine], styles: dict[str, Look], stepped: str) -> None:
    """Draw each line in the look of its name."""
    for line in lines:
        look = styles[line.name]
        axes.plot(
            line.x, line.y, color=look.colour, ls=look.line, marker=look.marker, ms=4,
            drawstyle=stepped, markevery=max(1, len(line.x) // MARKS),
            mfc=PAPER if line.hollow else look.colour,
        )  # fmt: skip
        if line.low != line.high:
            axes.fill_between(line.x, line.low, line.high, color=look.colour, alpha=0.18, lw=0)


def _name(axes: Axes, lines: Sequence[PlotLine], styles: dict[str, Look]) -> None:
    """Write the names of the lines to the right of their ends, without overlaps.

    The axes' limits must be final; the layout makes room for the names.
    """
    axes.get_ylim()  # matplotlib finds the limits of what was drawn when they are asked for
    ends = sorted(lines, key=lambda line: _height(axes, line))
    heights = _apart([_height(axes, line) for line in ends])
    for line, height in zip(ends, heights, strict=True):
        axes.annotate(
            line.name, (1, height), (4, 0), size=7.5, va="center", xycoords="axes fraction",
            textcoords="offset points",
            color=styles[line.name].words if line.name in styles else MUTED,
        )  # fmt: skip


def _height(axes: Axes, line: PlotLine) -> float:
    """Return where a line ends, as a fraction of the axes' height."""
    end = axes.transScale.transform((line.x[-1], line.y[-1]))
    height: float = axes.transLimits.transform(end)[1]
    return height


def _apart(heights: Sequence[float]) -> list[float]:
    """Move ascending heights a row apart, keeping the middle where it was if the top allows it."""
    moved: list[float] = []
    for height in heights:
        moved.append(max(height, moved[-1] + ROW) if moved else height)
    shift = sum(h - m for h, m in zip(heights, moved, strict=True)) / len(moved)
    shift = min(shift, 1.0 - moved[-1])
    return [height + shift for height in moved]
