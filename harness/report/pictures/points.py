"""What is drawn of a method: its numbers on one setting and device, and where they came from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from harness.report.budgets import budget_label
from harness.results.estimates import DeviceRow, EstimateRow
from harness.results.reading import one_line
from harness.results.record import Metric, Record
from harness.results.summary import group_records, row_of

__all__ = ["Point", "Source", "label_of", "points_of_estimates", "points_of_records", "setting_of"]

MIB = 2**20

Source = Literal["measured", "emulated", "predicted"]


@dataclass(frozen=True)
class Point:
    """One method on one setting, device and budget, over its seeds.

    Attributes:
        method: as it was asked for, with its parameters, at most 40 characters.
        setting: data set, ways and shots; with the budget where there are several.
        device: the device's model.
        source: of memory and accuracy.
        limit_mib: what the device has for tensors; None where there is no limit.
        fits: whether the device held every seed.
        memory_mib: peak memory, the largest over seeds; None where it is not known.
        accuracy: percent, the mean over seeds.
        accuracy_std: over seeds; None for one seed.
        time_s: of the search steps of one task, or of all epochs.
        time_band: where nine of ten times would be, of a prediction.
        time_source: of the time.
    """

    method: str
    setting: str
    device: str
    source: Source
    limit_mib: float | None
    fits: bool
    memory_mib: float | None
    accuracy: float | None = None
    accuracy_std: float | None = None
    time_s: float | None = None
    time_band: tuple[float, float] | None = None
    time_source: Source = "measured"


def label_of(text: str, limit: int = 40) -> str:
    """Shorten a label that records hold to what a picture has room for."""
    return one_line(text, limit=limit)


def setting_of(record: Record, *, tells_budget: bool = False) -> str:
    """Name the data set and how it is posed; and the budget, where there are several."""
    part = record.dataset
    posed = "full task" if part.kind == "full-task" else f"{part.ways}-way {part.shots}-shot"
    name = f"{label_of(part.label)} {posed}"
    if not tells_budget:
        return name
    return f"{name}, {budget_label(record.budget.allowed, part.kind)}"


def points_of_records(records: Iterable[Record]) -> list[Point]:
    """Return a point for each method, setting, device and budget, in the order of the records."""
    groups = group_records(records)
    several = len({group[0].budget.allowed for group in groups}) > 1
    return [_point(group, tells_budget=several) for group in groups]


def points_of_estimates(rows: Iterable[EstimateRow]) -> list[Point]:
    """Return a point for each row and device; all of it is predicted."""
    return [_estimated(row, device) for row in rows for device in row.devices]


def _point(group: Sequence[Record], *, tells_budget: bool) -> Point:
    first, row = group[0], row_of(group)
    limit = first.device.memory_limit_bytes
    times = [record.metrics["search_time"] for record in group if "search_time" in record.metrics]
    return Point(
        method=label_of(first.label),
        setting=setting_of(first, tells_budget=tells_budget),
        device=label_of(first.device.model),
        source=first.device.mode,
        limit_mib=None if limit is None else limit / MIB,
        fits=row.fits,
        memory_mib=row.peak_memory_mib,
        accuracy=row.accuracy,
        accuracy_std=row.accuracy_std,
        time_s=row.search_time_s,
        time_band=_band(times),
        time_source="predicted" if row.search_time_source == "predicted" else "measured",
    )


def _estimated(row: EstimateRow, device: DeviceRow) -> Point:
    time = device.search_time
    return Point(
        method=label_of(row.method),
        setting=label_of(f"{row.dataset} {row.setting}"),
        device=label_of(device.model),
        source="predicted",
        limit_mib=device.memory_limit_mib,
        fits=device.fits is not False,
        memory_mib=row.peak_memory_mib,
        time_s=None if time is None else time.value_s,
        time_band=None if time is None else (time.low_s, time.high_s),
        time_source="predicted",
    )


def _band(times: Sequence[Metric]) -> tuple[float, float] | None:
    lows = [time.low for time in times if time.low is not None]
    highs = [time.high for time in times if time.high is not None]
    return (fmean(lows), fmean(highs)) if lows and highs else None
