"""Cells of what was run or estimated: each value with the mark that its source asks for."""

from __future__ import annotations

from collections.abc import Sequence

from harness.report.table import Cell, Mark
from harness.results.estimates import DeviceRow, EstimateRow
from harness.results.record import Metric, Record
from harness.results.summary import Row

__all__ = [
    "accuracy_cell",
    "estimated_memory_cell",
    "estimated_time_cell",
    "interval_cell",
    "memory_cell",
    "predicted_cell",
    "storage_cell",
    "time_cell",
]

MIB = 2**20


def memory_cell(group: Sequence[Record], row: Row) -> Cell:
    """Return peak memory in MiB, the largest of the seeds, or that a device did not hold it."""
    return (
        Cell(row.peak_memory_mib, mark=_mark(group, "peak_memory")) if row.fits else _unfit(group)
    )


def storage_cell(group: Sequence[Record], row: Row) -> Cell:
    """Return in MiB what the device has to store."""
    return Cell(row.storage_mib, mark=_mark(group, "storage"))


def accuracy_cell(group: Sequence[Record], row: Row) -> Cell:
    """Return the mean accuracy in percent with its deviation over seeds."""
    return Cell(row.accuracy, row.accuracy_std, _mark(group, "accuracy"))


def interval_cell(group: Sequence[Record], row: Row) -> Cell:
    """Return the half-width of the 95 % interval of the accuracy, and what it is over."""
    note = f"over {row.interval_over}" if row.interval_over else ""
    return Cell(row.accuracy_interval, mark=_mark(group, "accuracy"), note=note)


def time_cell(group: Sequence[Record], row: Row) -> Cell:
    """Return the mean seconds of the search steps, with the band of a prediction."""
    if not row.fits:
        return _unfit(group)
    bands = [metric for metric in _metrics(group, "search_time") if metric.low is not None]
    note = _band(bands[0].low, bands[0].high) if bands else ""
    return Cell(row.search_time_s, mark=_mark(group, "search_time"), note=note)


def estimated_memory_cell(row: EstimateRow) -> Cell:
    """Return the peak memory that shapes tell, the largest that choices can lead to."""
    low, high = row.lowest_memory_mib, row.peak_memory_mib
    note = ""
    if low is not None and high is not None and low != high:
        note = f"between {low:,.1f} and {high:,.1f} MiB, as the method chooses"
    return predicted_cell(high, note)


def estimated_time_cell(device: DeviceRow) -> Cell:
    """Return the predicted seconds, or that the device would not hold it."""
    if device.fits is False:
        return Cell(None, mark="unfit", note=_more_than(device.memory_limit_mib))
    time = device.search_time
    return predicted_cell(time.value_s, _band(time.low_s, time.high_s)) if time else Cell(None)


def predicted_cell(value: float | None, note: str = "") -> Cell:
    """Return a prediction, marked as one."""
    return Cell(value, mark="predicted" if value is not None else "", note=note)


def _unfit(group: Sequence[Record]) -> Cell:
    limit = group[0].device.memory_limit_bytes
    return Cell(None, mark="unfit", note=_more_than(None if limit is None else limit / MIB))


def _more_than(limit_mib: float | None) -> str:
    has = "" if limit_mib is None else f" ({limit_mib:,.0f} MiB)"
    return f"needs more memory than the device has{has}"


def _band(low: float | None, high: float | None) -> str:
    return f"in nine of ten cases between {low:,.1f} and {high:,.1f} s"


def _mark(group: Sequence[Record], metric: str) -> Mark:
    """Mark a number by the least real of the sources that it is made of."""
    metrics = _metrics(group, metric)
    sources = {each.source for each in metrics}
    # What is computed for another device is emulated whatever a metric says of itself.
    if metrics and group[0].device.mode == "emulated":
        sources.add("emulated")
    if "predicted" in sources:
        return "predicted"
    return "emulated" if "emulated" in sources else ""


def _metrics(group: Sequence[Record], name: str) -> list[Metric]:
    found = [record.metrics[name] for record in group if name in record.metrics]
    return [metric for metric in found if metric.value is not None]
