"""Makes records, sides and run folders without running anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.comparison.comparing import Comparison
from harness.comparison.result import ResultsComparison
from harness.cost_model.profile import Prediction
from harness.results.costs import DeviceRow, EstimateRow
from harness.results.record import Record
from harness.results.results import FoundEstimate, FoundTrial, Results
from tests import records


def found(*trials: Record) -> Results:
    """Return records as if they had been found in folders."""
    return Results(tuple(FoundTrial(Path(), record) for record in trials), (), (), ())


def estimated(*rows: EstimateRow) -> Results:
    """Return the rows of an estimate as if they had been found in a folder."""
    return Results((), (FoundEstimate(Path(), rows, None),), (), ())


def estimate(memory: float, lowest: float | None = None, seconds: float = 10.0) -> EstimateRow:
    """Return the row of an estimate that needs so many MiB."""
    time = Prediction(seconds, 0.8 * seconds, 1.2 * seconds)
    device = DeviceRow("board", "Board", 640.0, memory <= 640, time)
    return EstimateRow(
        "m", "dots", "5-way 1-shot", 28, 10, memory, lowest or memory, 1.0, (device,), ""
    )


def only(result: ResultsComparison, metric: str) -> Comparison:
    """Return the comparison of a metric, where there is one row."""
    (row,) = result.rows
    return next(each for each in row.comparisons if each.metric.short == metric)


def _record(
    accuracies: Sequence[float] = (50.0,) * 12,
    *,
    label: str = "m",
    seed: int = 0,
    device: str = "board",
    mode: str = "measured",
    memory: Sequence[float] | None = None,
    seconds: Sequence[float] | None = None,
    **changes: Any,
) -> Record:
    peaks = memory or [100.0] * len(accuracies)
    times = seconds or [2.0] * len(accuracies)
    values = {
        "peak_memory": max(peaks),
        "storage": 1.0,
        "accuracy": sum(accuracies) / len(accuracies),
        "search_time": sum(times[1:]) / max(len(times) - 1, 1) or times[0],
    }
    tasks = [
        {"accuracy": accuracy, "search_s": time, "peak_memory_bytes": int(peak * 2**20)}
        for accuracy, time, peak in zip(accuracies, times, peaks, strict=True)
        if changes.get("status", "ok") == "ok"
    ]
    parts = {"environment": {"processor": "one"}, **changes}
    record = records.made_record(label, seed, device, mode, values=values, tasks=tasks, **parts)
    time = record.metrics.get("search_time")
    if mode == "emulated" and time is not None:
        time.low, time.high = 1.0, 4.0
    return record


def _run(folder: Path, *trials: Record, **plan: Any) -> Path:
    return records.write_run(folder, trials, **plan)


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """Return `make_record(accuracies, label=, seed=, device=, mode=, memory=, ...)`.

    Accuracies, memory (MiB) and seconds have a value a task; the metrics follow from them.
    """
    return _record


@pytest.fixture(scope="session")
def write_run() -> Callable[..., Path]:
    """Return `write_run(folder, *records, **plan)`, which leaves what a run would."""
    return _run
