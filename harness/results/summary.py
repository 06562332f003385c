"""Joins the seeds of a trial into one row: means, deviations, intervals."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Any, Literal

from harness.canonical import canonical_json
from harness.results.record import Record

__all__ = ["FAILED", "Missing", "Row", "group_records", "interval_95", "row_of", "summarise"]

# How a trial ends that should have ended well; what did not fit is a result, and what was
# interrupted is run again.
FAILED = {"error", "over_budget"}

# What the accuracy of a failed trial counts as: it is left out, is that of guessing, or 0.
Missing = Literal["omit", "chance", "zero"]

# Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom; beyond, nearly normal.
T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One method on one setting, device and budget, over its seeds.

    Numbers are over the seeds that ended `ok`; null where there is none. `peak_memory_mib` is the
    largest of the seeds, since the device must hold it. Where failed trials are to count, they are
    in accuracy and its spread alone: there is no memory or time to put in the place of theirs.
    """

    method: str
    dataset: str
    setting: str
    device: str
    mode: str
    seeds: int
    statuses: tuple[str, ...]  # of each seed, in order
    peak_memory_mib: float | None
    storage_mib: float | None
    accuracy: float | None  # percent, mean over seeds
    accuracy_std: float | None  # over seeds; null for one seed
    accuracy_interval: float | None  # half-width of the 95 % interval
    interval_over: str | None  # what the interval is over: `seeds`, or the `tasks` of one seed
    search_time_s: float | None
    search_time_source: str  # `measured`, or `predicted` for an emulated device
    host_share: float | None

    @property
    def fits(self) -> bool:
        """Whether the device held every seed's trial."""
        return "out_of_memory" not in self.statuses

    def to_json(self) -> dict[str, Any]:
        """Return the row as JSON values."""
        return {**asdict(self), "fits": self.fits}


def summarise(records: Iterable[Record], missing: Missing = "omit") -> list[Row]:
    """Return a row for each method, setting, device and budget, in the order they first appear."""
    return [row_of(group, missing) for group in group_records(records)]


def group_records(records: Iterable[Record]) -> list[list[Record]]:
    """Put records together that differ in their seed alone."""
    groups: dict[Hashable, list[Record]] = {}
    for record in records:
        groups.setdefault(_but_for_the_seed(record), []).append(record)
    return list(groups.values())


def _but_for_the_seed(record: Record) -> Hashable:
    method = record.method
    return (
        (method.name, method.version, method.distribution, canonical_json(method.params)),
        # The fingerprint tells the classes too, and early records do not.
        record.dataset.model_dump_json(exclude={"classes"}),
        record.device.model_dump_json(),
        record.budget.allowed,
    )


def interval_95(values: Sequence[float]) -> float | None:
    """Return the half-width of the mean's 95 % interval (Student's t); None below two values."""
    if len(values) < 2:
        return None
    freedom = len(values) - 1
    t = T_95[freedom - 1] if freedom <= len(T_95) else 1.96
    return t * stdev(values) / sqrt(len(values))


def row_of(group: Sequence[Record], missing: Missing = "omit") -> Row:
    """Join records that differ in their seed alone, at least one."""
    first = group[0]
    good = [record for record in group if record.status == "ok"]
    accuracies = _values(good, "accuracy") + _stand_ins(group, missing)
    over, spread = "seeds", accuracies
    if len(accuracies) == len(good) == 1:
        over, spread = "tasks", [task.accuracy for task in good[0].tasks]
    interval = interval_95(spread)
    return Row(
        method=first.label,
        dataset=first.dataset.label,
        setting=_setting(first),
        device=first.device.name,
        mode=first.device.mode,
        seeds=len(group),
        statuses=tuple(record.status for record in group),
        peak_memory_mib=max(_values(good, "peak_memory"), default=None),
        storage_mib=max(_values(good, "storage"), default=None),
        accuracy=_mean(accuracies),
        accuracy_std=stdev(accuracies) if len(accuracies) > 1 else None,
        accuracy_interval=interval,
        interval_over=over if interval is not None else None,
        search_time_s=_mean(_values(good, "search_time")),
        search_time_source="predicted" if first.device.mode == "emulated" else "measured",
        host_share=_mean([r.timing.host_share for r in good if r.timing.host_share is not None]),
    )


def _stand_ins(group: Sequence[Record], missing: Missing) -> list[float]:
    """Return what the failed trials count as; early records do not count a full task's classes."""
    known = [count for r in group if (count := r.dataset.ways or r.dataset.classes) is not None]
    chance = 100 / known[0] if known else None
    value = {"omit": None, "chance": chance, "zero": 0.0}[missing]
    failed = [record for record in group if record.status in FAILED]
    return [] if value is None else [value] * len(failed)


def _setting(record: Record) -> str:
    part = record.dataset
    return "full task" if part.kind == "full-task" else f"{part.ways}-way {part.shots}-shot"


def _values(records: Sequence[Record], metric: str) -> list[float]:
    found = [record.metrics[metric].value for record in records if metric in record.metrics]
    return [value for value in found if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
