"""Writes a label beside each mark, where it covers neither a mark nor another label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox
from numpy.typing import NDArray

__all__ = ["Label", "place_labels"]

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
