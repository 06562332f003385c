"""Time against peak memory: what little memory costs in time."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure

from harness.report.pictures.points import Point
from harness.report.pictures.scatter import Upward, fit_title, memory_panels
from harness.report.pictures.style import drawing

__all__ = ["draw_time_memory"]


def _band(point: Point) -> tuple[float, float] | None:
    """Return how far below and above a predicted time nine of ten would be."""
    if point.time_s is None or point.time_band is None:
        return None
    low, high = point.time_band
    return max(point.time_s - low, 0.0), max(high - point.time_s, 0.0)


UPWARD = Upward(
    words="search time (s, log scale)",
    value=lambda point: point.time_s,
    spread=_band,
    source=lambda point: point.time_source,
    logarithmic=True,
)


def draw_time_memory(points: Sequence[Point], notes: Sequence[str] = ()) -> Figure | str:
    """Draw a panel for each setting and device; say why if there is nothing to draw.

    Time is that of the search steps of one task, or of all epochs of a full task.

    Args:
        points: one for each method, setting and device; what did not fit is named in its panel.
        notes: what else is to be said under the picture, such as that the budget is scaled.
    """
    drawn = [point for point in points if UPWARD.place(point)]
    if not drawn:
        return "No trial has both a time and a peak memory."
    bands = any(point.time_band is not None for point in drawn)
    said = ["Time is of one task's search steps, or of all epochs of a full task."]
    said += ["Bars: where nine of ten predicted times would be."] if bands else []
    title = fit_title("Search time against peak memory", points)
    with drawing():
        return memory_panels(title, [*notes, *said], points, UPWARD)
