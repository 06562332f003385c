"""Compares one metric of a pair of rows: B is better or worse than A, or neither is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from harness.comparison.pairs import Difference, Pair, paired, unpaired
from harness.errors import UnknownNameError, UsageError
from harness.metrics import METRICS, MetricSpec, Source
from harness.results.rows import Row, Value, metrics_of_rows

__all__ = [
    "Basis",
    "Comparison",
    "Threshold",
    "Verdict",
    "compare_metric",
    "compare_pair",
    "is_failed",
    "parse_thresholds",
]

Verdict = Literal["better", "worse", "no difference shown", "not enough to tell", "not compared"]

# The kind of interval: from samples, from bands of predictions, or none, since values are counts.
Basis = Literal["paired", "unpaired", "band", "exact", "fits", "none"]

_PART = re.compile(r"\s*(?:(?P<name>[^=\s]+)\s*=)?\s*(?P<value>\d+(?:\.\d+)?)\s*(?P<percent>%?)\s*")


@dataclass(frozen=True)
class Comparison:
    """One metric of a pair; the verdict is about B.

    Attributes:
        a: A's value, as tables have it; None if there is none, or A did not fit.
        b: B's value.
        difference: B minus A, in the metric's unit; if seeds and tasks are paired, over those that
            both have.
        low: lower end of its interval; None if none can be given.
        high: its upper end.
        basis: what the interval is.
        over: what the interval is over, in words: `40 tasks`, `3 seeds`.
        fits_a: whether A's device held it; None if that is not known.
        fits_b: the same for B.
        source_a: whether A's value was measured, emulated or predicted.
        source_b: the same for B.
        why: why nothing was compared, in words.
    """

    metric: MetricSpec
    verdict: Verdict
    basis: Basis = "none"
    a: float | None = None
    b: float | None = None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    over: str = ""
    fits_a: bool | None = None
    fits_b: bool | None = None
    source_a: Source | None = None
    source_b: Source | None = None
    why: str = ""

    @property
    def relative(self) -> float | None:
        """The difference as a fraction of A; None where A is 0."""
        return None if self.difference is None or not self.a else self.difference / abs(self.a)


def compare_pair(pair: Pair) -> Iterator[Comparison]:
    """Compare every metric that either side has."""
    metrics = metrics_of_rows([pair.a, pair.b])
    for metric in metrics:
        has_any = any(row.held(metric.name) for row in (pair.a, pair.b))
        if has_any or _unfit(pair, metric):
            yield compare_metric(metric, pair)


def compare_metric(metric: MetricSpec, pair: Pair) -> Comparison:
    """Compare one metric of two rows, of one method or of two methods on the same tasks."""
    a, b = (row.held(metric.name) for row in (pair.a, pair.b))
    if _unfit(pair, metric):
        return _by_fit(metric, pair.a, pair.b)
    if a is None or b is None:
        lacking = " and ".join(name for name, each in (("A", a), ("B", b)) if each is None)
        # Where a device did not hold it, memory says why there is none.
        told = "" if False in (pair.a.fits, pair.b.fits) else f"{lacking} has none"
        return _told(metric, a, b, why=told)
    if why := _incomparable(metric, pair, a, b):
        return _told(metric, a, b, why=why)
    if "predicted" in (a.source, b.source) or (a.is_exact and b.is_exact):
        return _by_span(metric, a, b)
    return _by_samples(metric, pair, a, b)


def _incomparable(metric: MetricSpec, pair: Pair, a: Value, b: Value) -> str:
    """Say why two values cannot be compared; empty if they can."""
    if metric.more_is_better is None:
        return "no plugin here declares which way is better"
    machines = (pair.a.machine, pair.b.machine)
    both_measured = a.source == b.source == "measured" and None not in machines
    if metric.unit in ("s", "J") and both_measured and machines[0] != machines[1]:
        return "measured on different processors"
    return ""


def _unfit(pair: Pair, metric: MetricSpec) -> bool:
    """Tell whether memory has no number to compare, since a device did not hold it."""
    is_memory = metric.needs_fit and metric.is_counted
    return is_memory and False in (pair.a.fits, pair.b.fits)


def _by_fit(metric: MetricSpec, a: Row, b: Row) -> Comparison:
    """Compare whether devices hold two rows, where at least one does not."""
    verdict: Verdict = "no difference shown"
    if a.fits is not b.fits:
        verdict = "worse" if b.fits is False else "better"
    why, unknown = "", next((name for name, row in (("A", a), ("B", b)) if row.fits is None), "")
    if unknown:
        verdict, why = "not compared", f"whether {unknown} fits is not known"
    told = _told(metric, a.held(metric.name), b.held(metric.name), why)
    return replace(told, verdict=verdict, basis="fits", fits_a=a.fits, fits_b=b.fits)


def _told(metric: MetricSpec, a: Value | None, b: Value | None, why: str = "") -> Comparison:
    return Comparison(
        metric,
        "not compared",
        a=a.value if a else None,
        b=b.value if b else None,
        difference=b.value - a.value if a and b else None,
        source_a=a.source if a else None,
        source_b=b.source if b else None,
        why=why,
    )


def _by_span(metric: MetricSpec, a: Value, b: Value) -> Comparison:
    """Compare values without samples: a difference is shown if their spans do not overlap."""
    low = high = None
    first, second = _span(a), _span(b)
    if first is not None and second is not None:
        low, high = second[0] - first[1], second[1] - first[0]
    elif a.value == b.value:  # the same prediction, of which no band is known
        low = high = 0.0
    exact = low is not None and low == high
    return Comparison(
        metric,
        _verdict(metric, low, high),
        "exact" if exact else "band" if low is not None else "none",
        a.value,
        b.value,
        b.value - a.value,
        low,
        high,
        source_a=a.source,
        source_b=b.source,
    )


def _span(value: Value) -> tuple[float, float] | None:
    """Return the band of a prediction or, for a value compared with one, the range of samples."""
    if value.span is not None or not value.samples:
        return value.span
    values = [each for tasks in value.samples.values() for each in tasks.values()]
    return min(values), max(values)


def _by_samples(metric: MetricSpec, pair: Pair, a: Value, b: Value) -> Comparison:
    """Compare means: in pairs where seeds and tasks are the same, else by Welch's t."""
    found: Difference | None = None
    if _have_same_episodes(pair):
        found = paired(a.samples, b.samples)
    found = found or unpaired(a.samples, b.samples)
    if found is None:
        return _told(metric, a, b, why="there are no values")
    verdict = _verdict(metric, found.low, found.high) if found.enough else "not enough to tell"
    largest = metric.aggregate == "largest"
    return Comparison(
        metric,
        verdict,
        "paired" if found.paired else "unpaired",
        a.value,
        b.value,
        b.value - a.value if largest else found.b - found.a,
        found.low,
        found.high,
        _counted(metric, found),
        source_a=a.source,
        source_b=b.source,
    )


def _counted(metric: MetricSpec, found: Difference) -> str:
    """Say what an interval is over: `3 seeds`, or `40 tasks of 2 seeds`, or `10 steps`."""
    if metric.name == "step_time":
        return f"{found.count} steps"
    seeds = f"{found.seeds} seed{'s' if found.seeds != 1 else ''}"
    return f"{found.count} tasks of {seeds}" if found.over == "tasks" else seeds


def _have_same_episodes(pair: Pair) -> bool:
    """Tell whether a seed's tasks are the same: episodes depend on data and setting alone."""
    known = pair.a.fingerprint is not None
    return known and pair.a.fingerprint == pair.b.fingerprint and pair.a.posed == pair.b.posed


def _verdict(metric: MetricSpec, low: float | None, high: float | None) -> Verdict:
    if low is None or high is None:
        return "not enough to tell"
    if low <= 0 <= high:
        return "no difference shown"
    return "better" if (low > 0) is metric.more_is_better else "worse"


@dataclass(frozen=True)
class Threshold:
    """A tolerated change for the worse: percent of A, or in the metric's own unit."""

    value: float
    is_relative: bool


def parse_thresholds(
    text: str, metrics: Mapping[str, MetricSpec] = METRICS
) -> dict[str, Threshold]:
    """Read `2%`, which holds for all metrics, `memory=5%,accuracy=2`, or both joined by commas.

    Args:
        text: as it was given; metrics are called by their short names.
        metrics: those that can be named.

    Returns:
        Thresholds by short name; a metric without one never fails.

    Raises:
        UsageError: it cannot be read, names no metric, or names one twice.
    """
    known = [metric.short for metric in metrics.values()]
    named: dict[str, Threshold] = {}
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None or (match["name"] is None and not match["percent"]):
            raise UsageError(
                f"--fail-if-worse '{text}' cannot be read; write 2% for all metrics, or "
                "memory=5%,accuracy=2, where a number without % is in the metric's own unit"
            )
        name = match["name"] or ""
        if name and name not in known:
            raise UnknownNameError("metric", name, known)
        if name in named:
            raise UsageError(f"--fail-if-worse '{text}' says {name or 'all'} twice")
        named[name] = Threshold(float(match["value"]), match["percent"] == "%")
    every = named.pop("", None)
    return {**(dict.fromkeys(known, every) if every else {}), **named}


def is_failed(comparison: Comparison, thresholds: Mapping[str, Threshold]) -> bool:
    """Tell whether B is shown to be worse by more than is tolerated.

    B always fails if it does not fit its device and A does.
    """
    threshold = thresholds.get(comparison.metric.short)
    if threshold is None or comparison.verdict != "worse":
        return False
    if comparison.basis == "fits" or comparison.difference is None:
        return True
    if not threshold.is_relative:
        return abs(comparison.difference) > threshold.value
    # A fraction of nothing: any change is more.
    return comparison.relative is None or 100 * abs(comparison.relative) > threshold.value
