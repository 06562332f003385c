"""Makes claims and evidence of toy methods without running anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from harness.claims.claim import Claim
from harness.claims.evidence import Evidence
from harness.plugins.loading import Plugins, load_plugins
from harness.results.record import Record
from harness.results.summary import rows_of_records

BASE: dict[str, Any] = {
    "method": "onnas",
    "statement": "It is so.",
    "source": "A paper",
    "where": "table 1",
    "quantity": "a number",
    "run": {"datasets": ["omniglot"], "devices": ["jetson"], "shots": 5, "budget": "small"},
}
TASKS = 12


def _claim(check: Mapping[str, Any], value: float, **published: Any) -> Claim:
    told = {"unit": "times", "relation": "at least", "tolerance": 0.0, "counted": "by hand"}
    changes = {key: published.pop(key) for key in ("run", "scaled") if key in published}
    return Claim.model_validate(
        {**BASE, **changes, "check": check, "published": {"value": value, **told, **published}}
    )


def _record(
    label: str,
    accuracies: Sequence[float] = (),
    seed: int = 0,
    *,
    mode: str = "emulated",
    memory: float = 10.0,
    seconds: Sequence[float] = (2.0,) * TASKS,
    status: str = "ok",
    losses: Sequence[float] = (),
    ways: int = 5,
    evaluation: str = "inductive",
    params: Mapping[str, Any] | None = None,
) -> Record:
    accuracies = accuracies or [50.0] * TASKS
    values = {
        "peak_memory": (memory, "MiB"),
        "storage": (1.0, "MiB"),
        "accuracy": (sum(accuracies) / len(accuracies), "%"),
        "search_time": (sum(seconds) / len(seconds), "s"),
    }
    metrics: dict[str, Any] = {
        name: {"value": value, "unit": unit, "source": mode}
        for name, (value, unit) in values.items()
    }
    if mode == "emulated":
        metrics["search_time"] |= {"source": "predicted", "low": 1.0, "high": 4.0}
    curve = [{"meta_epoch": n, "loss": loss, "accuracy": 1.0} for n, loss in enumerate(losses)]
    return Record.model_validate(
        {
            "trial_key": f"{label}-{mode}-{ways}-{evaluation}-{seed}",
            "label": label,
            "method": {
                "name": label.partition("[")[0],
                "version": "1",
                "distribution": "d",
                "params": params or {},
            },
            "dataset": {
                "name": "omniglot", "label": "omniglot", "fingerprint": "f" * 64,
                "kind": "few-shot", "split": "test", "ways": ways, "shots": 5, "queries": 15,
                "evaluation": evaluation,
            },
            "device": {
                "name": "jetson", "model": "m", "mode": mode, "memory_limit_bytes": 640 << 20
            },
            "seed": seed,
            "status": status,
            "error": None,
            "budget": {
                "allowed": {"channels": 8, "meta_epochs": 30, "warmup_epochs": 24, "meta_tasks": 3,
                            "meta_steps": 1, "meta_shots": 10, "meta_batch": 10, "tasks": 20},
                "used": {},
            },
            "metrics": metrics if status == "ok" else {},
            "tasks": [
                {"index": i, "accuracy": a, "search_s": s, "peak_memory_bytes": 1}
                for i, (a, s) in enumerate(zip(accuracies, seconds, strict=False))
            ],
            "architecture": None,
            "pretraining": {"key": "k", "seconds": 1.0, "curve": curve},
            "environment": {"processor": "p"},
            "timing": {"wall_s": 1.0, "method_s": 0.9, "data_s": 0.1, "host_share": 0.0},
            "started_at": "",
            "ended_at": "",
        }
    )  # fmt: skip


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture(scope="session")
def make_claim() -> Callable[..., Claim]:
    """Return `make_claim(check, value, **published)`; `run` and `scaled` are those of the file."""
    return _claim


@pytest.fixture(scope="session")
def make_record() -> Callable[..., Record]:
    """Return `make_record(label, accuracies, seed, **changes)`: Omniglot, budget `small`."""
    return _record


@pytest.fixture
def evidence(plugins: Plugins) -> Callable[..., Evidence]:
    """Return `evidence(records)`, as if they had been found in folders of their keys' names."""

    def evidence(records: Sequence[Record]) -> Evidence:
        folders = {record.trial_key: Path(record.trial_key) for record in records}
        return Evidence(plugins, rows_of_records(records), folders=folders)

    return evidence
