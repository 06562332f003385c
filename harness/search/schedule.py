"""What changes over the steps of a search: the temperature, and the learning rate of w."""

from __future__ import annotations

import math

from harness.experiment.setting import Schedule

__all__ = ["rate_at", "temperature_at"]


def rate_at(step: int, steps: int, rate: float, schedule: Schedule) -> float:
    """Return the learning rate of a search step: `rate`, or less.

    `cosine` is half a cosine from the first step towards 0; `late` stays at `rate` for the first
    half of the search, and falls linearly towards 0 in the second.

    Args:
        step: number of the step, from 0.
        steps: how many steps the search has.
        rate: that of the first step.
        schedule: whether and when it falls.
    """
    done = min(step / steps, 1.0)
    if schedule == "cosine":
        return rate * (1 + math.cos(math.pi * done)) / 2
    return rate * min(1.0, 2 - 2 * done) if schedule == "late" else rate


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
