"""Makes records and run folders without running anything, and has cells to draw."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.results.record import Record
from tests import records

CELL = [
    [[0, "conv_3x3"], [1, "skip_connect"]],
    [[0, "max_pool_3x3"], [2, "sep_conv_3x3"]],
    [[1, "dil_conv_3x3"], [3, "conv_1x5_5x1"]],
]


def _record(
    label: str = "m", seed: int = 0, device: str = "board", mode: str = "measured", **changes: Any
) -> Record:
    values: dict[str, float | None] = {
        "peak_memory": 10.0 + seed,
        "storage": 1.0,
        "accuracy": 50.0,
        "search_time": 2.0,
        **changes.pop("values", {}),
    }
    tasks = [
        {"accuracy": accuracy, "search_s": 1.0, "peak_memory_bytes": 1} for accuracy in (40.0, 60.0)
    ]
    parts = {"tasks": tasks, **changes}
    return records.made_record(label, seed, device, mode, values=values, **parts)


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """Return `make_record(label, seed, device, mode, **changes)`.

    Of the changes, `values` are metrics' values, `dataset` and `budget` fields of these parts, and
    all others fields of the record. The trial key follows from what defines the trial.
    """
    return _record


@pytest.fixture
def write_run() -> Callable[..., Path]:
    """Return `write_run(folder, records, suites=None, **plan)`, which leaves what a run would."""
    return records.write_run


@pytest.fixture(scope="session")
def architecture() -> dict[str, Any]:
    """An architecture as records hold it."""
    return {"normal": CELL, "reduction": CELL}
