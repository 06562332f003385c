"""Prints estimates; every number is marked as predicted."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from harness.cli.plain_table import MISSING, NOT_FITTING, PREDICTED, plain_table
from harness.results.estimates import DeviceRow, EstimateRow

__all__ = ["print_estimates"]


def print_estimates(rows: Sequence[EstimateRow], console: Console) -> None:
    """Print one line a row, with a column for each device, then what the marks mean."""
    devices = list(dict.fromkeys(each.device for row in rows for each in row.devices))
    numbers = ("memory MiB", "range", "storage MiB", *(f"s on {name}" for name in devices))
    cells = (_cells(row, devices) for row in rows)
    console.print(plain_table(("method", "data"), numbers, rows=cells))
    for line in _legend(rows):
        console.print(line, highlight=False, markup=False)


def _cells(row: EstimateRow, devices: Sequence[str]) -> list[str]:
    peak, lowest = row.peak_memory_mib, row.lowest_memory_mib
    spread = "" if peak == lowest else f"{_number(lowest)} to {_number(peak)}"
    times = {each.device: _time(each) for each in row.devices}
    return [
        row.method,
        f"{row.dataset} {row.setting}",
        _number(peak),
        spread,
        _number(row.storage_mib),
        *(times.get(device, "") for device in devices),
    ]


def _number(value: float | None) -> str:
    if value is None:
        return MISSING
    return f"{PREDICTED}{value:,.1f}" if value >= 10 else f"{PREDICTED}{value:,.2f}"


def _time(row: DeviceRow) -> str:
    if row.fits is False:
        return NOT_FITTING
    time = row.search_time
    if time is None:
        return MISSING
    return f"{_number(time.value_s)} ({_number(time.low_s)} to {_number(time.high_s)})"


def _legend(rows: Sequence[EstimateRow]) -> list[str]:
    lines = [f"{PREDICTED} predicted from shapes: nothing was run."]
    every = [device for row in rows for device in row.devices]
    limits = {each.device: each.memory_limit_mib for each in every}
    known = [f"{name} {limit:,.0f} MiB" for name, limit in limits.items() if limit is not None]
    if any(each.fits is False for each in every):
        lines.append(f"{NOT_FITTING} needs more memory than the device has ({', '.join(known)}).")
    if any(each.search_time for each in every):
        lines.append(
            "s: search steps of one task, or all epochs of a full task; in brackets, where nine of "
            "ten times like those that the device was calibrated on would be."
        )
    unknown = [each.device for each in every if each.fits is not False and not each.search_time]
    if unknown:
        named = ", ".join(dict.fromkeys(unknown))
        lines.append(f"{MISSING} no time: {named} has no cost model (harness devices calibrate).")
    return lines
