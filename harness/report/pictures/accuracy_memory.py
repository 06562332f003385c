"""Accuracy against peak memory, with each device's limit: does the claim hold?"""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from harness.report.pictures.points import Point
from harness.report.pictures.scatter import Upward, fit_title, memory_panels
from harness.report.pictures.style import drawing

__all__ = ["draw_accuracy_memory"]


def _deviation(point: Point) -> tuple[float, float] | None:
    return None if point.accuracy_std is None else (point.accuracy_std, point.accuracy_std)


UPWARD = Upward(
    words="accuracy (%)",
    value=lambda point: point.accuracy,
    spread=_deviation,
    source=lambda point: point.source,
)


def draw_accuracy_memory(points: Sequence[Point], notes: Sequence[str] = ()) -> Figure | str:
    """Draw a panel for each setting and device; say why if there is nothing to draw.

    Args:
        points: one for each method, setting and device; what did not fit is named in its panel.
        notes: what else is to be said under the picture, such as that the budget is scaled.
    """
    drawn = [point for point in points if UPWARD.place(point)]
    if not drawn:
        return "No trial has both an accuracy and a peak memory."
    spreads = any(point.accuracy_std is not None for point in drawn)
    bars = ["Bars: one standard deviation over seeds."] if spreads else []
    with drawing():
        return memory_panels(
            fit_title("Accuracy against peak memory", points), [*notes, *bars], points, UPWARD
        )
