"""The frame of every picture: title, panels, notes, axes and labels.

Axes of memory are logarithmic with plain numbers, and show a device's limit. A label is placed
beside its mark, where it covers neither a mark nor another label.
"""

from __future__ import annotations

from collections.abc import Sequence
from textwrap import wrap
from typing import Any, Literal, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

from harness.reports.pictures.style import FAINT, INK, MUTED

__all__ = [
    "MAX_PANELS",
    "Label",
    "draw_chance",
    "draw_limit",
    "framed",
    "lay_out_finally",
    "logarithmic",
    "panels_left_out",
    "place_labels",
    "scale_up",
    "spread",
    "titled",
]

MAX_PANELS = 8
WIDTH = 7.2  # inches: the text width of a page
NOTE_SIZE = 7.0  # points
NOTE_LINE = 0.135  # inches
CHARACTERS = 130  # of a note that fit into the width
TITLE_CHARACTERS = 72
PANEL_CHARACTERS = 46  # of a panel's title, where two are side by side

LEAST_SPAN = 4.0  # a narrower logarithmic axis has too few ticks
MOST_NAMED = 9  # of those that do not fit
LEAST_PERCENT = 4.0  # the least height of an axis of accuracies


def framed(
    title: str, notes: Sequence[str], panels: int, *, height: float = 2.75, columns: int = 2
) -> tuple[Figure, list[Axes]]:
    """Return a figure with `panels` axes, each `height` inches high, at most `columns` a row."""
    across = min(columns, panels)
    down = -(-panels // across)
    lines = [line for note in notes for line in wrap(note, CHARACTERS)]
    foot = NOTE_LINE * len(lines) + (0.08 if lines else 0.0)
    head = wrap(title, TITLE_CHARACTERS)
    tall = down * height + 0.2 * len(head) + foot
    figure = Figure(figsize=(WIDTH, tall))
    figure.set_layout_engine(
        "constrained", rect=(0, foot / tall, 1, 1 - foot / tall), hspace=0.06, wspace=0.05
    )
    figure.suptitle("\n".join(head), x=0.008, ha="left")
    figure.text(
        0.008, 0.04 / tall, "\n".join(lines), size=NOTE_SIZE, color=MUTED, va="bottom",
        linespacing=1.25, in_layout=False,
    )  # fmt: skip
    return figure, [figure.add_subplot(down, across, 1 + place) for place in range(panels)]


def titled(axes: Axes, words: str) -> None:
    """Write a panel's title, in as many lines as its width makes of it."""
    lines = [part for line in words.splitlines() for part in wrap(line, PANEL_CHARACTERS)]
    axes.set_title("\n".join(lines))


def panels_left_out(panels: int) -> list[str]:
    """Say how many panels there is no room for."""
    more = panels - MAX_PANELS
    return [f"Not drawn: {more} more settings and devices."] if more > 0 else []


def lay_out_finally(figure: Figure) -> None:
    """Compute a figure's layout once, not again when it is saved: it takes half of the time."""
    if engine := figure.get_layout_engine():
        engine.execute(figure)
    figure.set_layout_engine("none")


def spread(values: Sequence[float], room: float = 1.35) -> tuple[float, float]:
    """Return the ends of a logarithmic axis for all values, with a margin."""
    low, high = min(values) / room, max(values) * room
    widen = max(1.0, LEAST_SPAN / (high / low)) ** 0.5
    return low / widen, high * widen


def logarithmic(axes: Axes, side: Literal["x", "y"], ends: tuple[float, float]) -> None:
    """Make an axis logarithmic, with plain numbers at its ticks."""
    if side == "x":
        axes.set(xscale="log", xlim=ends)
    else:
        axes.set(yscale="log", ylim=ends)
    axis = axes.xaxis if side == "x" else axes.yaxis
    wide = ends[1] / ends[0] > 120
    axis.set_major_locator(LogLocator(base=10, subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.10g}"))
    axis.set_minor_formatter(NullFormatter())


def scale_up(axes: Axes, values: Sequence[float], *, is_logarithmic: bool) -> None:
    """Scale the vertical axis to all values, without magnifying small differences."""
    if is_logarithmic:
        logarithmic(axes, "y", spread([value for value in values if value > 0]))
        return
    # An interval that exceeds the possible range, such as 100 %, is cut off.
    low, high = max(min(values), 0.0), min(max(values), 100.0)
    room = max(0.08 * (high - low), (LEAST_PERCENT - (high - low)) / 2)
    axes.set_ylim(low - room, high + room)


def draw_chance(axes: Axes, chance: float) -> None:
    """Draw the accuracy of guessing."""
    axes.axhline(chance, color=MUTED, lw=0.9, ls=(0, (1, 1.5)), zorder=1)
    axes.annotate(
        f"guessing {chance:.3g} %", (0, chance), (3, 2), size=6.5, color=MUTED,
        xycoords=("axes fraction", "data"), textcoords="offset points",
    ).set_in_layout(False)  # fmt: skip


def draw_limit(axes: Axes, limit_mib: float, not_fitting: Sequence[str]) -> None:
    """Draw the device's limit for tensors, and write beyond it which methods did not fit."""
    right = axes.get_xlim()[1]
    axes.axvspan(limit_mib, right, facecolor="none", edgecolor=FAINT, hatch="////", lw=0)
    axes.axvline(limit_mib, color=INK, lw=1.1, ls=(0, (4, 2)))
    _beyond(axes, limit_mib, f"limit {limit_mib:,.0f} MiB", 3, rotation=90, color=INK)
    if not_fitting:
        named = [f"X {name}" for name in not_fitting[:MOST_NAMED]]
        more = len(not_fitting) - MOST_NAMED
        words = "\n".join(["does not fit:", *named, *([f"and {more} more"] if more > 0 else [])])
        _beyond(axes, limit_mib, words, 15, linespacing=1.3, color=MUTED)


def _beyond(axes: Axes, limit_mib: float, words: str, right: float, **style: Any) -> None:
    """Write words `right` points beyond the limit, at the top."""
    axes.annotate(
        words, (limit_mib, 1), (right, -3), xycoords=("data", "axes fraction"),
        textcoords="offset points", va="top", size=7, **style,
    ).set_in_layout(False)  # fmt: skip


# Where a label is tried, nearest first: (x, y) in points from the mark, and how it is aligned.
NEAR, FAR, FARTHER = 6.0, 17.0, 30.0
DIRECTIONS = ((1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1))
OFFSETS = [(x * reach, y * reach) for reach in (NEAR, FAR, FARTHER) for x, y in DIRECTIONS]
SIZE = 7.5  # of a label, in points
MARK = 5.0  # half the side of the square that a mark is taken to cover, in points
ALIGNED = {-1: "right", 0: "center", 1: "left"}
RAISED = {-1: "top", 0: "center", 1: "bottom"}


Corners = NDArray[np.float64]  # (boxes, 4): the least x and y of each, then the largest


class Label(NamedTuple):
    """A mark's words and colour, and where it is in the axes' data."""

    text: str
    x: float
    y: float
    colour: str


def place_labels(axes: Axes, labels: Sequence[Label], taken: Sequence[Bbox] = ()) -> list[str]:
    """Write each label in the first free place around its mark.

    The figure's layout must be final.

    Args:
        axes: where the marks are.
        labels: what to write.
        taken: boxes in pixels that are to stay free.

    Returns:
        The texts for which no place was free; they are not written.
    """
    around = [_mark(axes, label) for label in labels]
    filled = np.array([[*box.min, *box.max] for box in [*taken, *around]]).reshape(-1, 4)
    homeless = []
    for own, label in enumerate(labels, start=len(taken)):
        box = _written(axes, label, np.delete(filled, own, axis=0))
        if box is None:
            homeless.append(label.text)
        else:
            filled = np.vstack([filled, box.extents])
    return homeless


def _written(axes: Axes, label: Label, filled: Corners) -> Bbox | None:
    inside = axes.get_window_extent()
    width, height = _size(axes, label.text)
    x, y = axes.transData.transform((label.x, label.y))
    points = axes.figure.dpi / 72
    for across, up in OFFSETS:
        left = x + across * points - width * (1 - _sign(across)) / 2
        bottom = y + up * points - height * (1 - _sign(up)) / 2
        box = Bbox.from_bounds(left, bottom, width, height)
        if _holds(inside, box) and not _overlaps(box, filled):
            _write(axes, label, (across, up))
            return box
    return None


def _size(axes: Axes, text: str) -> tuple[float, float]:
    """Return how wide and high a label is, in pixels."""
    trial = axes.text(0, 0, text, size=SIZE)
    box = trial.get_window_extent()
    trial.remove()
    return box.width, box.height


def _write(axes: Axes, label: Label, offset: tuple[float, float]) -> None:
    x, y = offset
    far = max(abs(x), abs(y)) > NEAR
    axes.annotate(
        label.text, (label.x, label.y), offset, textcoords="offset points", size=SIZE,
        ha=ALIGNED[_sign(x)], va=RAISED[_sign(y)], color=label.colour, zorder=5,
        arrowprops={"arrowstyle": "-", "color": label.colour, "lw": 0.5} if far else None,
    ).set_in_layout(False)  # fmt: skip


def _sign(offset: float) -> int:
    return (offset > 0) - (offset < 0)


def _mark(axes: Axes, label: Label) -> Bbox:
    (x, y) = axes.transData.transform((label.x, label.y))
    reach = MARK * axes.figure.dpi / 72
    return Bbox.from_extents(x - reach, y - reach, x + reach, y + reach)


def _overlaps(box: Bbox, filled: Corners) -> bool:
    """Say whether a box touches any other; at once, since there are many of both."""
    least, most = filled[:, :2], filled[:, 2:]
    return bool(((least <= box.max) & (most >= box.min)).all(axis=1).any())


def _holds(outer: Bbox, box: Bbox) -> bool:
    return bool(
        outer.x0 <= box.x0 and box.x1 <= outer.x1 and outer.y0 <= box.y0 and box.y1 <= outer.y1
    )
