"""What one side of a comparison has: a row for each method, setting, device, mode and budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Literal

from harness.compare.metrics import METRICS, ComparedMetric
from harness.compare.statistics import Samples
from harness.report.budgets import used_keys
from harness.results.bench import BenchRow
from harness.results.estimates import DeviceRow, EstimateRow
from harness.results.folder import Collection
from harness.results.record import Metric, Record
from harness.results.summary import FAILED, group_records, row_of

__all__ = ["Mode", "Reading", "Side", "sides_of"]

Mode = Literal["measured", "emulated", "predicted"]


@dataclass(frozen=True)
class Reading:
    """One metric of a row.

    Attributes:
        value: the mean over seeds; of an estimate, the largest that choices lead to.
        samples: what the mean is of; empty for a prediction.
        is_exact: whether it was counted, and found the same for every task and seed.
        low: of a prediction, the lower end of its band or range.
        high: likewise the upper end.
    """

    value: float
    source: Mode
    samples: Samples = field(default_factory=dict)
    is_exact: bool = False
    low: float | None = None
    high: float | None = None

    @property
    def span(self) -> tuple[float, float] | None:
        """The band of a prediction; of what was exactly counted, the count itself."""
        if self.is_exact:
            return self.value, self.value
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True)
class Side:
    """One method on one setting, device, mode and budget, over its seeds.

    Attributes:
        setting: as rows name it.
        posed: what else makes two settings the same: split and query images; empty for estimates.
        budget: the keys that such a trial uses; of an estimate, those that memory depends on.
        fingerprint: of the data; None for an estimate, which reads none.
        machine: the processor it was measured on, where that is known.
        fits: whether the device held it; None where no limit is known.
        failed: the share of its trials that ended in an error or over budget.
        faults: what went wrong, in words.
    """

    method: str
    version: str
    dataset: str
    setting: str
    posed: str
    device: str
    mode: Mode
    budget: Mapping[str, float]
    fingerprint: str | None
    machine: str | None
    readings: Mapping[str, Reading]
    fits: bool | None
    failed: float = 0.0
    faults: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Name it in a line."""
        return f"{self.method} on {self.dataset} {self.setting}, {self.device} ({self.mode})"


def sides_of(collection: Collection) -> list[Side]:
    """Return the rows of all trials, estimates and benchmarks that were found."""
    records = [trial.record for trial in collection.trials if trial.record.status != "interrupted"]
    estimated = [row for found in collection.estimates for row in found.rows]
    return [
        *(_of_records(group) for group in group_records(records)),
        *(_of_estimate(row, device) for row in estimated for device in row.devices),
        *(_of_bench(row, found.processor) for found in collection.benches for row in found.rows),
    ]


def _of_records(group: Sequence[Record]) -> Side:
    first, row = group[0], row_of(group)
    good = [record for record in group if record.status == "ok"]
    readings = {name: _reading(metric, good) for name, metric in METRICS.items()}
    faults = [record for record in group if record.status in FAILED]
    machine = first.environment.get("processor")
    return Side(
        method=row.method,
        version=first.method.version,
        dataset=row.dataset,
        setting=row.setting,
        posed=_posed(first),
        device=row.device,
        mode=first.device.mode,
        budget=used_keys(first.budget.allowed, first.dataset.kind),
        fingerprint=first.dataset.fingerprint,
        machine=str(machine) if machine else None,
        readings={name: reading for name, reading in readings.items() if reading is not None},
        fits=row.fits,
        failed=len(faults) / len(group),
        faults=tuple(f"seed {each.seed} ended {each.status}" for each in faults),
    )


def _posed(record: Record) -> str:
    part = record.dataset
    return part.split if part.queries is None else f"{part.split}, {part.queries} queries"


def _reading(metric: ComparedMetric, records: Sequence[Record]) -> Reading | None:
    """Join a metric over the records that have it."""
    found = [
        (record, each.value, each)
        for record in records
        if (each := record.metrics.get(metric.key)) is not None and each.value is not None
    ]
    if not found:
        return None
    value, told = fmean(each for _, each, _ in found), [each for _, _, each in found]
    if told[0].source == "predicted":
        return Reading(value, "predicted", low=_mean_of(told, "low"), high=_mean_of(told, "high"))
    samples = {record.seed: _by_task(metric, record) or {0: each} for record, each, _ in found}
    exact = metric.is_counted and _is_constant(metric, [record for record, _, _ in found])
    return Reading(value, told[0].source, samples, exact)


def _mean_of(told: Sequence[Metric], end: str) -> float | None:
    values = [getattr(each, end) for each in told]
    return None if None in values else fmean(values)


def _by_task(metric: ComparedMetric, record: Record) -> dict[int, float]:
    """Return a trial's values by task; none for what a trial has one of."""
    if metric.name == "accuracy":
        return {task.index: task.accuracy for task in record.tasks}
    if metric.name == "time":  # the first task only warms up
        return {task.index: task.search_s for task in record.tasks[1:] or record.tasks}
    return {}


def _is_constant(metric: ComparedMetric, records: Sequence[Record]) -> bool:
    """Tell whether a count is the same for all seeds and, of memory, for all of their tasks."""
    counts: set[object] = {record.metrics[metric.key].value for record in records}
    peaks = {task.peak_memory_bytes for record in records for task in record.tasks}
    return len(counts) == 1 and (metric.name != "memory" or len(peaks) <= 1)


def _of_estimate(row: EstimateRow, device: DeviceRow) -> Side:
    steps = "epochs" if row.setting == "full task" else "search_steps"
    return Side(
        method=row.method,
        version="",
        dataset=row.dataset,
        setting=row.setting,
        posed="",
        device=device.device,
        mode="predicted",
        budget={"channels": row.channels, steps: row.search_steps},
        fingerprint=None,
        machine=None,
        readings=_estimated(row, device),
        fits=device.fits,
        failed=1.0 if row.error else 0.0,
        faults=(f"not estimated: {row.error}",) if row.error else (),
    )


def _estimated(row: EstimateRow, device: DeviceRow) -> dict[str, Reading]:
    found, time = {}, device.search_time
    if row.peak_memory_mib is not None and device.fits is not False:
        peak, low = row.peak_memory_mib, row.lowest_memory_mib
        found["memory"] = Reading(peak, "predicted", low=peak if low is None else low, high=peak)
    if row.storage_mib is not None:
        size = row.storage_mib
        found["storage"] = Reading(size, "predicted", low=size, high=size)
    if time is not None:
        found["time"] = Reading(time.value_s, "predicted", low=time.low_s, high=time.high_s)
    return found


def _of_bench(row: BenchRow, processor: str | None) -> Side:
    return Side(
        method=row.method,
        version=row.version,
        dataset=row.dataset,
        setting=row.setting,
        posed=f"{row.images} images a step",
        device=row.device,
        mode="measured",
        budget={"channels": row.channels},
        fingerprint=None,
        machine=processor,
        readings=_benched(row),
        fits=None,
        failed=1.0 if row.error else 0.0,
        faults=(f"not measured: {row.error}",) if row.error else (),
    )


def _benched(row: BenchRow) -> dict[str, Reading]:
    found = {}
    if row.peak_memory_mib is not None:  # of the same steps with the same seed
        found["memory"] = Reading(row.peak_memory_mib, "measured", is_exact=True)
    if row.step_s:
        found["step"] = Reading(fmean(row.step_s), "measured", {0: dict(enumerate(row.step_s))})
    return found
