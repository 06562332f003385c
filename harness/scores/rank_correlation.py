"""Rank correlations with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata  # type: ignore[import-untyped]

__all__ = ["Interval", "kendall", "spearman"]

Floats = NDArray[np.float64]

RESAMPLES = 1000
MOST_DRAWN = 400_000  # architectures of all resamples together, so that whole tables take seconds
FEWEST = 100


class Interval(NamedTuple):
    """A correlation with the 2.5th and the 97.5th percentile of its resamples."""

    value: float
    low: float
    high: float


def spearman(one: Floats, other: Floats, seed: int = 0) -> Interval | None:
    """Return Spearman's rho, ties sharing their mean rank; None where all values are alike."""
    return _with_interval(
        lambda a, b: float(np.corrcoef(rankdata(a), rankdata(b))[0, 1]), one, other, seed
    )


def kendall(one: Floats, other: Floats, seed: int = 0) -> Interval | None:
    """Return Kendall's tau-b; None where all values of one are alike."""
    return _with_interval(lambda a, b: float(kendalltau(a, b).statistic), one, other, seed)


def _with_interval(
    measure: Callable[[Floats, Floats], float], one: Floats, other: Floats, seed: int
) -> Interval | None:
    """Resample pairs with replacement; both measures see the same resamples of a seed."""
    if _is_constant(one) or _is_constant(other):
        return None
    random, count = np.random.default_rng(seed), len(one)
    resamples = max(FEWEST, min(RESAMPLES, MOST_DRAWN // count))
    drawn = []
    for _ in range(resamples):
        places = random.integers(count, size=count)
        if not _is_constant(one[places]) and not _is_constant(other[places]):
            drawn.append(measure(one[places], other[places]))
    low, high = np.percentile(drawn, [2.5, 97.5]).tolist()
    return Interval(measure(one, other), low, high)


def _is_constant(values: Floats) -> bool:
    return bool((values == values[0]).all())
