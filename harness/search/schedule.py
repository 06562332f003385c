"""The temperature of the softmax over α and β during a search."""

from __future__ import annotations

__all__ = ["temperature_at"]


def temperature_at(step: int, steps: int, final: float) -> float:
    """Return the temperature of a search step: linear from 1 at the first to `final` at the last.

    Args:
        step: number of the step, from 0; later ones than the last keep its temperature.
        steps: how many steps the search has.
        final: temperature of the last step; a search of one step stays at 1.
    """
    if steps <= 1:
        return 1.0
    return 1.0 + (final - 1.0) * min(step / (steps - 1), 1.0)
