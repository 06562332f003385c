"""Rows: one method on one setting, device, mode and budget.

A row joins the records of several seeds, or comes from an estimate or a benchmark. Tables,
comparisons, pictures and data frames are views of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from harness.contracts import TaskKind
from harness.metrics import METRICS, MetricSpec, Source
from harness.results.costs import BenchRow, DeviceRow, EstimateRow
from harness.results.record import Record

__all__ = [
    "Row",
    "Samples",
    "Value",
    "metrics_of_rows",
    "row_of_bench",
    "rows_of_estimate",
    "told_of",
]

# The source of a time, by the row's mode, where it differs from that mode.
TIME_SOURCES: Mapping[Source, Source] = {"emulated": "predicted", "tabular": "tabular"}

# By seed, then by task. A value that has no task, such as a trial's memory, is task 0.
Samples = Mapping[int, Mapping[int, float]]


@dataclass(frozen=True)
class Value:
    """One metric of a row.

    Attributes:
        value: aggregated over the seeds that ended `ok`, as the metric says; of an estimate, the
            largest that the method's choices can lead to.
        source: of its parts, the one that is least real: a predicted part makes it predicted.
        std: standard deviation over seeds; None for one seed.
        interval: half-width of the 95 % interval of the mean.
        interval_over: what the interval is over: `seeds`, or the `tasks` of one seed.
        low: of a prediction, the lower end of its band or range.
        high: the upper end.
        samples: the values that were aggregated; empty for a prediction.
        is_exact: whether it was counted, and is the same for every task and seed.
    """

    metric: MetricSpec
    value: float
    source: Source
    std: float | None = None
    interval: float | None = None
    interval_over: str | None = None
    low: float | None = None
    high: float | None = None
    samples: Samples = field(default_factory=dict)
    is_exact: bool = False

    @property
    def span(self) -> tuple[float, float] | None:
        """The band of a prediction; of what was exactly counted, the count itself."""
        if self.is_exact:
            return self.value, self.value
        return None if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, eq=False)
class Row:
    """One method on one setting, device, mode and budget, over its seeds; equal to itself alone.

    Attributes:
        version: of the method's distribution; empty for an estimate.
        setting: such as `5-way 1-shot`.
        conditions: recipe, evaluation and space where they are not the defaults; else empty.
        posed: what else must agree to compare settings: split, query images; empty for estimates.
        model: the device's maker and model.
        mode: `predicted` for an estimate, `tabular` where answers came from a table.
        limit_mib: what the device has for tensors; None where there is no limit, or none is known.
        budget: the keys that such a trial uses; of an estimate, those that memory depends on.
        values: by the metric's name, those that were captured.
        fits: whether the device held every seed; None where no limit is known, or no trial ended
            well or for want of memory.
        fingerprint: of the data; None for an estimate, which reads none.
        machine: the processor it was measured on, where that is known.
        failed: the share of its trials that ended in an error or over budget.
        faults: what went wrong, in words.
        records: what the row joins, one of each seed; none for an estimate or a benchmark.
        earlier: how many earlier records of the same seeds are left out.
        host_share: the harness's share of the wall clock, the mean over seeds.
    """

    method: str
    version: str
    dataset: str
    setting: str
    conditions: str
    posed: str
    device: str
    model: str
    mode: Source
    limit_mib: float | None
    budget: Mapping[str, float]
    values: Mapping[str, Value]
    fits: bool | None
    fingerprint: str | None = None
    machine: str | None = None
    failed: float = 0.0
    faults: tuple[str, ...] = ()
    records: tuple[Record, ...] = ()
    earlier: int = 0
    host_share: float | None = None

    def __str__(self) -> str:
        """Name it in a line."""
        return f"{self.method} on {self.dataset} {self.full_setting}, {self.device} ({self.mode})"

    @property
    def left_out(self) -> tuple[str, ...]:
        """How many earlier records are left out, in words; none where none are."""
        if not self.earlier:
            return ()
        if self.earlier == 1:
            return ("1 earlier record of the same seed is left out",)
        return (f"{self.earlier} earlier records of the same seeds are left out",)

    @property
    def full_setting(self) -> str:
        """The setting with its conditions, as a table shows it: `5-way 1-shot, transductive`."""
        return ", ".join(filter(None, (self.setting, self.conditions)))

    @property
    def chance(self) -> float | None:
        """The accuracy of guessing among the classes, in percent; None where these are unknown."""
        return self.records[0].chance if self.records else None

    @property
    def kind(self) -> TaskKind:
        """`few-shot`, `full-task` or `tabular`."""
        kinds: dict[str, TaskKind] = {"full task": "full-task", "table": "tabular"}
        return kinds.get(self.setting, "few-shot")

    def value(self, name: str) -> float | None:
        """Return the value of a metric; None where none was captured."""
        return self.values[name].value if name in self.values else None

    def held(self, name: str) -> Value | None:
        """Return a metric; None also if it needs a device that holds the search, and it did not.

        An estimate has its memory even where the device has less.
        """
        found = self.values.get(name)
        is_unfit = self.fits is False and self.mode != "predicted"
        return None if found and found.metric.needs_fit and is_unfit else found

    def to_json(self) -> dict[str, Any]:
        """Return JSON values; further metrics are in `metrics` where any was read."""
        accuracy = self.values.get("accuracy")
        known = {"peak_memory", "storage", "accuracy", "search_time"}
        others = {
            name: {"value": each.value, "unit": each.metric.unit, "source": each.source}
            for name, each in self.values.items()
            if name not in known
        }
        return {
            "method": self.method,
            "dataset": self.dataset,
            "setting": self.setting,
            **({"conditions": self.conditions} if self.conditions else {}),
            "device": self.device,
            "mode": self.mode,
            "seeds": len(self.records),
            "statuses": [record.status for record in self.records],
            "peak_memory_mib": self.value("peak_memory"),
            "storage_mib": self.value("storage"),
            "accuracy": self.value("accuracy"),
            "accuracy_std": accuracy.std if accuracy else None,
            "accuracy_interval": accuracy.interval if accuracy else None,
            "interval_over": accuracy.interval_over if accuracy else None,
            "search_time_s": self.value("search_time"),
            "search_time_source": (
                self.values["search_time"].source
                if "search_time" in self.values
                else TIME_SOURCES.get(self.mode, "measured")
            ),
            "host_share": self.host_share,
            "fits": self.fits,
            **({"metrics": others} if others else {}),
        }


def told_of(rows: Sequence[Row], metric: MetricSpec) -> Row | None:
    """Return the row whose number stands for one method and setting on several devices.

    For a metric that a device must hold, such as memory, it is the row with the largest number
    among devices that held it; else the first row that has a number.
    """
    having = [row for row in rows if row.held(metric.name)]
    if having and metric.needs_fit and metric.aggregate == "largest":
        return max(having, key=lambda row: row.values[metric.name].value)
    return next(iter(having or rows), None)


def metrics_of_rows(rows: Iterable[Row], *, always: bool = True) -> list[MetricSpec]:
    """Return the metrics to show of rows, each once, in the order of the table of metrics.

    Args:
        rows: what is shown.
        always: whether those that have a column in every table are among them.
    """
    found = {value.metric.name: value.metric for row in rows for value in row.values.values()}
    if always:
        found |= {m.name: m for m in METRICS.values() if m.is_always_shown and m.name not in found}
    order = {name: place for place, name in enumerate(METRICS)}
    return sorted(found.values(), key=lambda metric: order.get(metric.name, len(order)))


def rows_of_estimate(row: EstimateRow) -> list[Row]:
    """Return a row for each device of an estimate."""
    return [_estimated(row, device) for device in row.devices]


def row_of_bench(row: BenchRow, processor: str | None) -> Row:
    """Return the row of a benchmark, measured on a processor."""
    values = []
    if row.peak_memory_mib is not None:  # of the same steps with the same seed
        values.append(_value("peak_memory", row.peak_memory_mib, "measured", is_exact=True))
    if row.step_s:
        steps = {0: dict(enumerate(row.step_s))}
        values.append(_value("step_time", fmean(row.step_s), "measured", samples=steps))
    return Row(
        method=row.method,
        version=row.version,
        dataset=row.dataset,
        setting=row.setting,
        conditions=row.conditions,
        posed=f"{row.images} images a step",
        device=row.device,
        model=row.device,
        mode="measured",
        limit_mib=None,
        budget={"channels": row.channels},
        values={value.metric.name: value for value in values},
        fits=None,
        machine=processor,
        failed=1.0 if row.error else 0.0,
        faults=(f"not measured: {row.error}",) if row.error else (),
    )


def _estimated(row: EstimateRow, device: DeviceRow) -> Row:
    time, peak, lowest = device.search_time, row.peak_memory_mib, row.lowest_memory_mib
    told = (
        ("peak_memory", peak, peak if lowest is None else lowest, peak),
        ("storage", row.storage_mib, row.storage_mib, row.storage_mib),
        ("search_time", *((time.value_s, time.low_s, time.high_s) if time else (None,) * 3)),
    )
    values = {
        name: _value(name, value, "predicted", low=low, high=high)
        for name, value, low, high in told
        if value is not None
    }
    steps = "epochs" if row.setting == "full task" else "search_steps"
    return Row(
        method=row.method,
        version="",
        dataset=row.dataset,
        setting=row.setting,
        conditions=row.conditions,
        posed="",
        device=device.device,
        model=device.model,
        mode="predicted",
        limit_mib=device.memory_limit_mib,
        budget={"channels": row.channels, steps: row.search_steps},
        values=values,
        fits=device.fits,
        failed=1.0 if row.error else 0.0,
        faults=(f"not estimated: {row.error}",) if row.error else (),
    )


def _value(name: str, value: float, source: Source, **more: Any) -> Value:
    return Value(METRICS[name], value, source, **more)
