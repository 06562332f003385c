"""Records and run folders as trials would leave them, made without running anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.results.record import Record

__all__ = ["DATASET", "UNITS", "made_record", "write_run"]

UNITS = {"peak_memory": "MiB", "storage": "MiB", "accuracy": "%", "search_time": "s"}
DATASET = {
    "name": "dots", "label": "dots", "fingerprint": "f" * 64, "kind": "few-shot", "split": "test",
    "ways": 5, "shots": 1, "queries": 15,
}  # fmt: skip


def made_record(
    label: str,
    seed: int,
    device: str,
    mode: str,
    *,
    values: Mapping[str, float | None],
    tasks: Sequence[Mapping[str, float]],
    dataset: Mapping[str, Any] | None = None,
    budget: Mapping[str, Any] | None = None,
    **changes: Any,
) -> Record:
    """Make the record of a trial; its key follows from what defines it.

    Args:
        label: of the method.
        seed: of the trial.
        device: its name.
        mode: of the device; where it is emulated, the time is predicted.
        values: of the metrics, if the trial went well.
        tasks: the result of each.
        dataset: replaces some of its fields.
        budget: what it allows.
        changes: other fields of the record.
    """
    data, allowed = {**DATASET, **(dataset or {})}, dict(budget or {})
    went_well = changes.get("status", "ok") == "ok"
    sources = {**dict.fromkeys(UNITS, mode)}
    if mode == "emulated":
        sources["search_time"] = "predicted"
    fields: dict[str, Any] = {
        "trial_key": repr((label, seed, device, mode, data, sorted(allowed.items()))),
        "label": label,
        "method": {
            "name": label.partition("[")[0],
            "version": "1",
            "distribution": "d",
            "params": {"written": label},
        },
        "dataset": data,
        "device": {"name": device, "model": device, "mode": mode, "memory_limit_bytes": 640 << 20},
        "seed": seed,
        "status": "ok",
        "error": None
        if went_well
        else {"type": "Broken", "message": "it broke", "stage": "search"},
        "budget": {"allowed": allowed, "used": {}},
        "metrics": {
            name: {"value": values.get(name), "unit": unit, "source": sources[name]}
            for name, unit in UNITS.items()
            if went_well
        },
        "tasks": [{"index": index, **task} for index, task in enumerate(tasks)],
        "architecture": None,
        "pretraining": None,
        "environment": {},
        "timing": {"wall_s": 1.0, "method_s": 0.9, "data_s": 0.1, "host_share": 0.0},
        "started_at": "",
        "ended_at": "",
    }
    return Record.model_validate({**fields, **changes})


def write_run(
    folder: Path, records: Iterable[Record], suites: Sequence[str] | None = None, **plan: Any
) -> Path:
    """Write the folder that a run would leave: its plan, and the record of each trial."""
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
