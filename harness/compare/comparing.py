"""Says of one metric of a pair whether B is better or worse than A, or that this is not shown."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from harness.compare.aligning import Pair
from harness.compare.metrics import METRICS, ComparedMetric
from harness.compare.sides import Mode, Reading, Side
from harness.compare.statistics import Difference, paired, unpaired

__all__ = ["Basis", "Comparison", "Verdict", "compare_metric", "compare_pair"]

Verdict = Literal["better", "worse", "no difference shown", "not enough to tell", "not compared"]

# What the interval is: of sampled values, between bands of predictions, or no more than a count.
Basis = Literal["paired", "unpaired", "band", "exact", "fits", "none"]


@dataclass(frozen=True)
class Comparison:
    """One metric of a pair; the verdict is about B.

    Attributes:
        a: of what was compared, the mean; None where there is none, or it did not fit.
        b: likewise.
        difference: `b - a`, in the metric's unit.
        low: lower end of its interval; None where none can be given.
        high: its upper end.
        basis: what the interval is.
        over: what it is over, in words: `40 tasks`, `3 seeds`.
        fits_a: whether A's device held it; None where no limit is known.
        fits_b: likewise of B.
        source_a: whether A's value was measured, emulated or predicted.
        source_b: likewise of B's.
        why: in words, why nothing was compared.
    """

    metric: ComparedMetric
    verdict: Verdict
    basis: Basis = "none"
    a: float | None = None
    b: float | None = None
    low: float | None = None
    high: float | None = None
    over: str = ""
    fits_a: bool | None = None
    fits_b: bool | None = None
    source_a: Mode | None = None
    source_b: Mode | None = None
    why: str = ""

    @property
    def difference(self) -> float | None:
        """B minus A."""
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def relative(self) -> float | None:
        """The difference as a fraction of A; None where A is 0."""
        difference = self.difference
        return None if difference is None or not self.a else difference / abs(self.a)


def compare_pair(pair: Pair) -> Iterator[Comparison]:
    """Compare every metric that either side has."""
    for metric in METRICS.values():
        if {metric.name} & (pair.a.readings.keys() | pair.b.readings.keys()) or _unfit(
            pair, metric
        ):
            yield compare_metric(metric, pair)


def compare_metric(metric: ComparedMetric, pair: Pair) -> Comparison:
    """Compare one metric."""
    a, b = (side.readings.get(metric.name) for side in (pair.a, pair.b))
    if _unfit(pair, metric):
        return _by_fit(metric, pair.a, pair.b)
    if (a is None or b is None) and False in (pair.a.fits, pair.b.fits):
        return _told(metric, a, b)  # why there is none, memory says
    if a is None or b is None:
        lacking = " and ".join(name for name, each in (("A", a), ("B", b)) if each is None)
        return _told(metric, a, b, why=f"{lacking} has none")
    if metric.unit == "s" and _on_other_machines(pair, a, b):
        return _told(metric, a, b, why="measured on different processors")
    if _is_prediction(a) or _is_prediction(b) or (a.is_exact and b.is_exact):
        return _by_span(metric, a, b)
    return _by_samples(metric, pair, a, b)


def _unfit(pair: Pair, metric: ComparedMetric) -> bool:
    """Tell whether memory has no number to compare, since a device did not hold it."""
    return metric.name == "memory" and False in (pair.a.fits, pair.b.fits)


def _by_fit(metric: ComparedMetric, a: Side, b: Side) -> Comparison:
    verdict: Verdict = "no difference shown"
    if a.fits is not b.fits:
        verdict = "worse" if b.fits is False else "better"
    held = [side.readings.get("memory") if side.fits is not False else None for side in (a, b)]
    told = _told(metric, held[0], held[1])
    return replace(told, verdict=verdict, basis="fits", fits_a=a.fits, fits_b=b.fits)


def _told(
    metric: ComparedMetric, a: Reading | None, b: Reading | None, why: str = ""
) -> Comparison:
    return Comparison(
        metric,
        "not compared",
        a=a.value if a else None,
        b=b.value if b else None,
        source_a=a.source if a else None,
        source_b=b.source if b else None,
        why=why,
    )


def _is_prediction(reading: Reading) -> bool:
    return reading.source == "predicted"


def _on_other_machines(pair: Pair, a: Reading, b: Reading) -> bool:
    machines = (pair.a.machine, pair.b.machine)
    measured = a.source == b.source == "measured"
    return measured and None not in machines and machines[0] != machines[1]


def _by_span(metric: ComparedMetric, a: Reading, b: Reading) -> Comparison:
    """Compare what has no samples: a difference is shown where the spans do not overlap."""
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
        low,
        high,
        source_a=a.source,
        source_b=b.source,
    )


def _span(reading: Reading) -> tuple[float, float] | None:
    """Return the band of a prediction or, beside one, all that was found."""
    if reading.span is not None or not reading.samples:
        return reading.span
    values = [value for tasks in reading.samples.values() for value in tasks.values()]
    return min(values), max(values)


def _by_samples(metric: ComparedMetric, pair: Pair, a: Reading, b: Reading) -> Comparison:
    """Compare means: in pairs where seeds and tasks are the same, else by Welch's t."""
    found: Difference | None = None
    if _have_same_episodes(pair):
        found = paired(a.samples, b.samples)
    found = found or unpaired(a.samples, b.samples)
    if found is None:
        return _told(metric, a, b, why="there are no values")
    verdict = _verdict(metric, found.low, found.high) if found.enough else "not enough to tell"
    return Comparison(
        metric,
        verdict,
        "paired" if found.paired else "unpaired",
        found.a,
        found.b,
        found.low,
        found.high,
        _counted(metric, found),
        source_a=a.source,
        source_b=b.source,
    )


def _counted(metric: ComparedMetric, found: Difference) -> str:
    """Say what an interval is over: `3 seeds`, or `40 tasks of 2 seeds`, or `10 steps`."""
    if metric.name == "step":
        return f"{found.count} steps"
    seeds = f"{found.seeds} seed{'s' if found.seeds != 1 else ''}"
    return f"{found.count} tasks of {seeds}" if found.over == "tasks" else seeds


def _have_same_episodes(pair: Pair) -> bool:
    """Tell whether a seed's tasks are the same: episodes depend on data and setting alone."""
    known = pair.a.fingerprint is not None
    return known and pair.a.fingerprint == pair.b.fingerprint and pair.a.posed == pair.b.posed


def _verdict(metric: ComparedMetric, low: float | None, high: float | None) -> Verdict:
    if low is None or high is None:
        return "not enough to tell"
    if low <= 0 <= high:
        return "no difference shown"
    return "better" if (low > 0) is metric.more_is_better else "worse"
