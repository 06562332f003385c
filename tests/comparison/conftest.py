"""Makes records, sides and run folders without running anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.results.record import Record

UNITS = {"peak_memory": "MiB", "storage": "MiB", "accuracy": "%", "search_time": "s"}
DATASET = {
    "name": "dots", "label": "dots", "fingerprint": "f" * 64, "kind": "few-shot", "split": "test",
    "ways": 5, "shots": 1, "queries": 15,
}  # fmt: skip


def _record(
    accuracies: Sequence[float] = (50.0,) * 12,
    *,
    label: str = "m",
    seed: int = 0,
    device: str = "board",
    mode: str = "measured",
    memory: Sequence[float] | None = None,
    seconds: Sequence[float] | None = None,
    status: str = "ok",
    budget: dict[str, Any] | None = None,
    dataset: dict[str, Any] | None = None,
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
    sources = {**dict.fromkeys(UNITS, mode)}
    metrics: dict[str, Any] = {
        name: {"value": values[name], "unit": unit, "source": sources[name]}
        for name, unit in UNITS.items()
    }
    if mode == "emulated":
        metrics["search_time"] |= {"source": "predicted", "low": 1.0, "high": 4.0}
    data, allowed = {**DATASET, **(dataset or {})}, budget or {}
    if status != "ok":
        metrics = {}
    fields: dict[str, Any] = {
        "trial_key": repr((label, seed, device, mode, data, sorted(allowed.items()))),
        "label": label,
        "method": {"name": label, "version": "1", "distribution": "d", "params": {}},
        "dataset": data,
        "device": {"name": device, "model": device, "mode": mode, "memory_limit_bytes": 640 << 20},
        "seed": seed,
        "status": status,
        "error": None
        if status == "ok"
        else {"type": "Broken", "message": "it broke", "stage": "search"},
        "budget": {"allowed": allowed, "used": {}},
        "metrics": metrics,
        "tasks": []
        if status != "ok"
        else [
            {"index": i, "accuracy": a, "search_s": s, "peak_memory_bytes": int(m * 2**20)}
            for i, (a, s, m) in enumerate(zip(accuracies, times, peaks, strict=True))
        ],
        "architecture": None,
        "pretraining": None,
        "environment": {"processor": "one"},
        "timing": {"wall_s": 1.0, "method_s": 0.9, "data_s": 0.1, "host_share": 0.0},
        "started_at": "",
        "ended_at": "",
    }
    return Record.model_validate({**fields, **changes})


def _run(folder: Path, *records: Record, **plan: Any) -> Path:
    trials = []
    for number, record in enumerate(records):
        name = f"trial-{number:04}"
        (folder / "trials" / name).mkdir(parents=True)
        text = record.model_dump_json(by_alias=True)
        (folder / "trials" / name / "record.json").write_text(text, encoding="utf-8")
        trials.append({"trial_key": record.trial_key, "folder": name})
    (folder / "plan.json").write_text(
        json.dumps({"schema": 1, "trials": trials, **plan}), encoding="utf-8"
    )
    return folder


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
