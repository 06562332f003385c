"""Makes records and run folders without running anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.experiment.outcome import Metric
from harness.results.record import Record

METHOD = {"version": "1", "distribution": "d", "params": {}}
DATASET = {
    "name": "dots", "label": "dots", "fingerprint": "f", "kind": "few-shot", "split": "test",
    "ways": 5, "shots": 1, "queries": 15,
}  # fmt: skip
UNITS = {"peak_memory": "MiB", "storage": "MiB", "accuracy": "%", "search_time": "s"}


def _metrics(mode: str, values: dict[str, float | None]) -> dict[str, Metric]:
    sources = dict.fromkeys(UNITS, mode)
    if mode == "emulated":
        sources["search_time"] = "predicted"
    return {
        name: Metric.model_validate(
            {"value": values.get(name), "unit": unit, "source": sources[name]}
        )
        for name, unit in UNITS.items()
    }


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
    status = changes.get("status", "ok")
    name = label.partition("[")[0]
    dataset = {**DATASET, **changes.pop("dataset", {})}
    allowed = changes.pop("budget", {})
    key = "-".join(
        [
            label,
            device,
            mode,
            str(seed),
            *(str(dataset[part]) for part in ("label", "ways", "shots")),
        ]
    )
    fields: dict[str, Any] = {
        "trial_key": f"{key}-{sorted(allowed.items())}",
        "label": label,
        "method": {"name": name, **METHOD, "params": {"written": label}},
        "dataset": dataset,
        "device": {"name": device, "model": device, "mode": mode, "memory_limit_bytes": 640 << 20},
        "seed": seed,
        "status": status,
        "error": None
        if status == "ok"
        else {"type": "Broken", "message": "it broke", "stage": "search"},
        "budget": {"allowed": allowed, "used": {}},
        "metrics": _metrics(mode, values) if status == "ok" else {},
        "tasks": [
            {"index": i, "accuracy": a, "search_s": 1.0, "peak_memory_bytes": 1}
            for i, a in enumerate((40.0, 60.0))
        ],
        "architecture": None,
        "pretraining": None,
        "environment": {},
        "timing": {"wall_s": 1.0, "method_s": 0.9, "data_s": 0.1, "host_share": 0.0},
        "started_at": "",
        "ended_at": "",
    }
    return Record.model_validate({**fields, **changes})


def _run(
    folder: Path, records: Iterable[Record], suites: Sequence[str] | None = None, **plan: Any
) -> Path:
    trials = []
    for number, record in enumerate(records):
        name = f"trial-{number:04}"
        (folder / "trials" / name).mkdir(parents=True)
        text = record.model_dump_json(by_alias=True)
        (folder / "trials" / name / "record.json").write_text(text, encoding="utf-8")
        trials.append({"trial_key": record.trial_key, "folder": name})
    content = {"schema": 1, "trials": trials, **plan}
    if suites is not None:
        content["suites"] = list(suites)
    folder.mkdir(exist_ok=True)
    (folder / "plan.json").write_text(json.dumps(content), encoding="utf-8")
    return folder


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
    return _run
