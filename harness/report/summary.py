"""Joins the seeds of a trial into one row: means, deviations, intervals."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from harness.experiment.canonical import canonical_json
from harness.experiment.record import Record

__all__ = ["Row", "interval_95", "summarise"]

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
    largest of the seeds, since the device must hold it.
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


def summarise(records: Iterable[Record]) -> list[Row]:
    """Return a row for each method, setting, device and budget, in the order they first appear."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        same = [
            record.method.model_dump(),
            record.dataset.model_dump(),
            record.device.model_dump(),
            record.budget.allowed.model_dump(),
        ]
        groups.setdefault(canonical_json(same), []).append(record)
    return [_row(group) for group in groups.values()]


def interval_95(values: Sequence[float]) -> float | None:
    """Return the half-width of the mean's 95 % interval (Student's t); None below two values."""
    if len(values) < 2:
        return None
    freedom = len(values) - 1
    t = T_95[freedom - 1] if freedom <= len(T_95) else 1.96
    return t * stdev(values) / sqrt(len(values))


def _row(group: list[Record]) -> Row:
    first = group[0]
    good = [record for record in group if record.status == "ok"]
    accuracies = _values(good, "accuracy")
    over, spread = "seeds", accuracies
    if len(accuracies) == 1:
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


def _setting(record: Record) -> str:
    part = record.dataset
    return "full task" if part.kind == "full-task" else f"{part.ways}-way {part.shots}-shot"


def _values(records: list[Record], metric: str) -> list[float]:
    found = [record.metrics[metric].value for record in records if metric in record.metrics]
    return [value for value in found if value is not None]


def _mean(values: Sequence[float]) -> float | None:
    return fmean(values) if values else None
