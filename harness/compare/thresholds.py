"""`--fail-if-worse`: how much worse B may be before a comparison fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from harness.compare.comparing import Comparison
from harness.compare.metrics import METRICS
from harness.errors import UnknownNameError, UsageError

__all__ = ["Threshold", "is_failed", "parse_thresholds"]

_PART = re.compile(r"\s*(?:(?P<name>[^=\s]+)\s*=)?\s*(?P<value>\d+(?:\.\d+)?)\s*(?P<percent>%?)\s*")


@dataclass(frozen=True)
class Threshold:
    """A tolerated change for the worse: percent of A, or in the metric's own unit."""

    value: float
    is_relative: bool


def parse_thresholds(text: str) -> dict[str, Threshold]:
    """Read `2%`, which holds for all metrics, `memory=5%,accuracy=2`, or both joined by commas.

    A metric that nothing is said of is not in the answer: it never fails.

    Raises:
        UsageError: it cannot be read, names no metric, or names one twice.
    """
    named: dict[str, Threshold] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None or (match["name"] is None and not match["percent"]):
            raise UsageError(
                f"--fail-if-worse '{text}' cannot be read; write 2% for all metrics, or "
                "memory=5%,accuracy=2, where a number without % is in the metric's own unit"
            )
        name = match["name"] or ""
        if name and name not in METRICS:
            raise UnknownNameError("metric", name, METRICS)
        if name in named:
            raise UsageError(f"--fail-if-worse '{text}' says {name or 'all'} twice")
        named[name] = Threshold(float(match["value"]), match["percent"] == "%")
    every = named.pop("", None)
    return {**(dict.fromkeys(METRICS, every) if every else {}), **named}


def is_failed(comparison: Comparison, thresholds: Mapping[str, Threshold]) -> bool:
    """Say whether B is shown to be worse, and by more than is tolerated.

    What fits A's device and not B's is worse by any measure.
    """
    threshold = thresholds.get(comparison.metric.name)
    if threshold is None or comparison.verdict != "worse":
        return False
    if comparison.basis == "fits" or comparison.difference is None:
        return True
    if not threshold.is_relative:
        return abs(comparison.difference) > threshold.value
    # A fraction of nothing: any change is more.
    return comparison.relative is None or 100 * abs(comparison.relative) > threshold.value
