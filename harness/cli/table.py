"""Prints the comparison after a run."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from harness.cli.plain_table import EMULATED, MISSING, NOT_FITTING, PREDICTED, plain_table
from harness.results.summary import Row

__all__ = ["print_rows"]

STATUS_WORDS = {
    "out_of_memory": "does not fit",
    "over_budget": "over budget",
    "error": "error",
    "interrupted": "interrupted",
}


def print_rows(rows: Sequence[Row], console: Console) -> None:
    """Print one line a row, then what its marks mean."""
    numbers = ("memory MiB", "storage MiB", "accuracy %", "95 %", "time s")
    cells = map(_cells, rows)
    console.print(plain_table(("method", "data"), numbers, ("device", "ended"), rows=cells))
    for line in _legend(rows):
        console.print(line, highlight=False)


def _cells(row: Row) -> tuple[str, ...]:
    mark = EMULATED if row.mode == "emulated" else ""
    accuracy = _number(row.accuracy, mark)
    if row.accuracy_std is not None:
        accuracy = f"{row.accuracy:.2f} ± {row.accuracy_std:.2f}{mark}"
    return (
        row.method,
        f"{row.dataset} {row.setting}",
        _number(row.peak_memory_mib, mark) if row.fits else NOT_FITTING,
        _number(row.storage_mib, mark),
        accuracy,
        MISSING if row.accuracy_interval is None else f"± {row.accuracy_interval:.2f}{mark}",
        _time(row),
        f"{row.device} ({row.mode})",
        _ended(row),
    )


def _time(row: Row) -> str:
    predicted = row.search_time_source == "predicted" and row.search_time_s is not None
    return (PREDICTED if predicted else "") + _number(row.search_time_s, "")


def _number(value: float | None, mark: str) -> str:
    return MISSING if value is None else f"{value:,.2f}{mark}"


def _ended(row: Row) -> str:
    """Say `ok`, or how many seeds ended in each other way."""
    bad = [status for status in row.statuses if status != "ok"]
    if not bad:
        return "ok"
    kinds = dict.fromkeys(bad)
    if len(bad) == len(row.statuses) and len(kinds) == 1:
        return STATUS_WORDS[bad[0]]
    return ", ".join(f"{bad.count(kind)} of {row.seeds} {STATUS_WORDS[kind]}" for kind in kinds)


def _legend(rows: Sequence[Row]) -> list[str]:
    lines = []
    if any(row.mode == "emulated" for row in rows):
        lines.append(
            f"{EMULATED} emulated: computed on this machine, memory counted and held to the "
            "device's limit; time cannot be read there."
        )
    if any(_time(row).startswith(PREDICTED) for row in rows):
        lines.append(f"{PREDICTED} predicted by the device's cost model, see harness show DEVICE.")
    if any(not row.fits for row in rows):
        lines.append(f"{NOT_FITTING} needs more memory than the device has.")
    if any(row.accuracy_std is not None for row in rows):
        lines.append("accuracy: mean ± standard deviation over seeds.")
    over = sorted({row.interval_over for row in rows if row.interval_over})
    if over:
        lines.append(f"95 %: half-width of the mean's interval over {' or '.join(over)}.")
    return lines
