"""Joins records that differ only in their seed into one row, with means, deviations, intervals.

A seed counts once. A trial that was run again, such as after a change of its method's code, is no
further sample: of its records the newest counts, and the row says how many others are left out.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from math import fsum, sqrt
from operator import attrgetter
from statistics import fmean
from typing import Literal

from harness.canonical import canonical_json
from harness.experiment.budget import used_keys
from harness.experiment.outcome import FINAL_STATUSES, Metric, TaskResult
from harness.metrics import METRICS, MetricSpec, Source, to_mib, undeclared
from harness.results.record import Record
from harness.results.rows import Row, Value

__all__ = [
    "FAILED",
    "Missing",
    "group_records",
    "interval_95",
    "mode_of",
    "row_of",
    "rows_of_records",
    "variance",
]

# Statuses of failure. Not fitting the device is a result, and an interrupted trial is run again.
FAILED = {"error", "over_budget"}

# What the accuracy of a failed trial counts as: it is left out, that of guessing, or 0.
Missing = Literal["omit", "chance", "zero"]

Metrics = Mapping[str, MetricSpec]

ORDER: tuple[Source, ...] = ("predicted", "emulated", "tabular", "measured")  # least real first

# Two-sided 95 % points of Student's t for 1 to 30 degrees of freedom; beyond, nearly normal.
T_95 = (
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
    2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
    2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
)  # fmt: skip


def rows_of_records(
    records: Iterable[Record], missing: Missing = "omit", metrics: Metrics = METRICS
) -> list[Row]:
    """Return a row for each method, setting, device and budget, in the order they first appear."""
    return [row_of(group, missing, metrics) for group in group_records(records)]


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
        record.space,
        record.device.model_dump_json(),
        record.budget.allowed,
    )


def _newest(group: Sequence[Record]) -> list[Record]:
    """Return the newest record of each seed, which has not been interrupted if any has not."""
    found: dict[int, Record] = {}
    for record in group:
        known = found.get(record.seed)
        if known is None or _age(known) <= _age(record):
            found[record.seed] = record
    return list(found.values())


def _age(record: Record) -> tuple[bool, str]:
    return record.status in FINAL_STATUSES, record.ended_at


def interval_95(values: Sequence[float]) -> float | None:
    """Return the half-width of the mean's 95 % interval (Student's t); None below two values."""
    if len(values) < 2:
        return None
    freedom = len(values) - 1
    t = T_95[freedom - 1] if freedom <= len(T_95) else 1.96
    return t * sqrt(variance(values)) / sqrt(len(values))


def variance(values: Sequence[float]) -> float:
    """Return the variance of a sample of at least two.

    The standard library's function computes in fractions, which is slow. Values are shifted by the
    first of them, so that equal values have a variance of exactly 0.
    """
    shifted = [value - values[0] for value in values]
    mean = fmean(shifted)
    return fsum([(value - mean) ** 2 for value in shifted]) / (len(values) - 1)


def row_of(group: Sequence[Record], missing: Missing = "omit", metrics: Metrics = METRICS) -> Row:
    """Join at least one record, all of which differ only in their seed, or in their age.

    With `missing`, failed trials count in accuracy and its spread alone, since nothing could stand
    for their memory or time.
    """
    every, group = len(group), _newest(group)
    first = group[0]
    good = [record for record in group if record.status == "ok"]
    failed = [record for record in group if record.status in FAILED]
    machine = first.environment.get("processor")
    shares = [each for r in good if (each := r.timing.host_share) is not None]
    return Row(
        method=first.label,
        version=first.method.version,
        dataset=first.dataset.label,
        setting=first.dataset.setting,
        conditions=first.conditions,
        posed=_posed(first),
        device=first.device.name,
        model=first.device.model,
        mode=mode_of(first),
        limit_mib=to_mib(first.device.memory_limit_bytes),
        budget=used_keys(first.budget.allowed, first.dataset.kind),
        values={value.metric.name: value for value in _values(group, good, missing, metrics)},
        fits=_fits(group),
        fingerprint=first.dataset.fingerprint,
        machine=str(machine) if machine else None,
        failed=len(failed) / len(group),
        faults=tuple(f"seed {each.seed} ended {each.status}" for each in failed),
        records=tuple(group),
        earlier=every - len(group),
        host_share=fmean(shares) if shares else None,
    )


def _fits(group: Sequence[Record]) -> bool | None:
    """Tell whether the device held every seed; None where none ended well, nor for want of memory.

    A trial that crashed may have done so before it needed the most.
    """
    statuses = {record.status for record in group}
    return False if "out_of_memory" in statuses else True if "ok" in statuses else None


def mode_of(record: Record) -> Source:
    """Return the mode of a trial's numbers: that of its device, or `tabular`."""
    return "tabular" if record.dataset.kind == "tabular" else record.device.mode


def _posed(record: Record) -> str:
    part = record.dataset
    return part.split if part.queries is None else f"{part.split}, {part.queries} queries"


def _values(
    group: Sequence[Record], good: Sequence[Record], missing: Missing, metrics: Metrics
) -> Iterator[Value]:
    """Join each metric over the records that have it."""
    units = {name: metric.unit for record in good for name, metric in record.metrics.items()}
    names = [*(name for name in metrics if name in units), *(n for n in units if n not in metrics)]
    if missing != "omit" and "accuracy" not in names:
        names.append("accuracy")  # that of failed trials alone
    for name in names:
        spec = metrics[name] if name in metrics else undeclared(name, units[name])
        counted_as = _counted_as(group, missing) if name == "accuracy" else []
        value = _joined(spec, name, good, counted_as, mode_of(group[0]))
        if value is not None:
            yield value


def _joined(
    spec: MetricSpec,
    name: str,
    good: Sequence[Record],
    counted_as: Sequence[float],
    mode: Source,
) -> Value | None:
    found = [
        (record, metric, metric.value)
        for record in good
        if (metric := record.metrics.get(name)) is not None and metric.value is not None
    ]
    values = [*(each for _, _, each in found), *counted_as]
    if not values:
        return None
    told = [metric for _, metric, _ in found]
    samples = {record.seed: _by_task(spec, record.tasks) or {0: v} for record, _, v in found}
    over, spread = "seeds", values
    if len(values) == len(good) == 1:
        over, spread = "tasks", list(_by_task(spec, good[0].tasks).values())
    interval = interval_95(spread)
    source = _least_real([metric.source for metric in told], mode)
    return Value(
        metric=spec,
        value=max(values) if spec.aggregate == "largest" else fmean(values),
        source=source,
        std=sqrt(variance(values)) if len(values) > 1 else None,
        interval=interval,
        interval_over=over if interval is not None else None,
        low=_mean_end(told, "low"),
        high=_mean_end(told, "high"),
        samples={} if source == "predicted" else samples,
        is_exact=spec.is_counted and _is_constant(spec, [each[0] for each in found]),
    )


def _counted_as(group: Sequence[Record], missing: Missing) -> list[float]:
    """Return the accuracies that failed trials count as; `chance` needs the number of classes.

    Early records of full tasks do not have it.
    """
    known = [count for r in group if (count := r.dataset.ways or r.dataset.classes) is not None]
    chance = 100 / known[0] if known else None
    value = {"omit": None, "chance": chance, "zero": 0.0}[missing]
    failed = [record for record in group if record.status in FAILED]
    return [] if value is None else [value] * len(failed)


def _by_task(spec: MetricSpec, tasks: Sequence[TaskResult]) -> dict[int, float]:
    """Return a trial's values by task; none for what a trial has one of."""
    if spec.aggregate == "largest":  # it is the whole trial that a device must hold
        return {}
    if spec.warms_up:
        tasks = tasks[1:] or tasks
    values = TaskResult.values(tasks, spec.per_task or spec.name)
    pairs = zip(map(attrgetter("index"), tasks), values, strict=True)
    return {index: value for index, value in pairs if value is not None}


def _least_real(sources: Iterable[Source], mode: Source) -> Source:
    """Return the least real of the sources and the trial's mode.

    A table's mode is left aside, if there are sources: where a score evaluates, some numbers are
    measured on this machine.
    """
    found = {*sources}
    if mode != "tabular" or not found:
        found.add(mode)
    return next(each for each in ORDER if each in found)


def _mean_end(told: Sequence[Metric], end: Literal["low", "high"]) -> float | None:
    values = [value for each in told if (value := getattr(each, end)) is not None]
    return fmean(values) if values and len(values) == len(told) else None


def _is_constant(spec: MetricSpec, records: Sequence[Record]) -> bool:
    """Tell whether a count is the same for all seeds and, if tasks have it too, for all tasks."""
    counts = {record.metrics[spec.name].value for record in records}
    if len(counts) > 1 or not spec.per_task:
        return len(counts) == 1
    every = (TaskResult.values(record.tasks, spec.per_task) for record in records)
    return len({value for values in every for value in values}) <= 1
