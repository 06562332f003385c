"""What is compared: its unit, which way is better, and where records keep it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["METRICS", "ComparedMetric"]


@dataclass(frozen=True)
class ComparedMetric:
    """One metric.

    Attributes:
        name: as people type it.
        key: in a record's `metrics`; empty for what only benchmarks have.
        title: as tables head it.
        more_is_better: its direction.
        is_counted: whether it is a count of bytes, which is exact where nothing is left to chance.
    """

    name: str
    key: str
    title: str
    unit: str
    more_is_better: bool
    is_counted: bool


METRICS: dict[str, ComparedMetric] = {
    metric.name: metric
    for metric in (
        ComparedMetric("memory", "peak_memory", "peak memory", "MiB", False, True),
        ComparedMetric("accuracy", "accuracy", "accuracy", "%", True, False),
        ComparedMetric("time", "search_time", "search time", "s", False, False),
        ComparedMetric("step", "", "search step", "s", False, False),
        ComparedMetric("storage", "storage", "storage", "MiB", False, True),
    )
}
