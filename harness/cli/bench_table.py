"""Prints benchmarks: seconds and memory of a search step, and ratios within each setting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console

from harness.cli.plain_table import MISSING, plain_table
from harness.results.bench import BenchRow

__all__ = ["print_bench", "rows_to_json"]

HEADINGS = ("memory MiB", "first step s", "step s", "ratio")


def print_bench(rows: Sequence[BenchRow], console: Console) -> None:
    """Print one line a row, then what the columns mean."""
    cells = (_cells(row, reference) for row, reference in _with_references(rows))
    console.print(plain_table(("method", "data"), HEADINGS, rows=cells))
    for line in _legend(rows):
        console.print(line, highlight=False, markup=False)


def rows_to_json(rows: Sequence[BenchRow]) -> list[dict[str, Any]]:
    """Return JSON values, with medians and ratios."""
    return [
        {
            **row.model_dump(mode="json"),
            "median_s": row.median_s,
            "ratio": row.ratio_to(reference),
            "ratio_to": reference.method,
            "source": "measured",
        }
        for row, reference in _with_references(rows)
    ]


def _with_references(rows: Sequence[BenchRow]) -> Iterator[tuple[BenchRow, BenchRow]]:
    """Give each row with the first one of its setting."""
    first: dict[tuple[str, str, int], BenchRow] = {}
    for row in rows:
        yield row, first.setdefault((row.dataset, row.setting, row.channels), row)


def _cells(row: BenchRow, reference: BenchRow) -> tuple[str, ...]:
    data = f"{row.dataset} {row.setting}, {row.images} images, C = {row.channels}"
    numbers = (row.peak_memory_mib, row.first_step_s, row.median_s, row.ratio_to(reference))
    return row.method, data, *map(_number, numbers)


def _number(value: float | None) -> str:
    return MISSING if value is None else f"{value:,.3g}" if value < 10 else f"{value:,.1f}"


def _legend(rows: Sequence[BenchRow]) -> Iterator[str]:
    yield (
        "Measured here. memory: the most bytes alive at once in three steps; step: median of the "
        "warm ones; ratio: to the first method of the setting, median over rounds."
    )
    for row in rows:
        if row.error:
            yield f"{row.method} on {row.dataset}: {row.error}"
