"""The reporter `mlflow`, read back through MLflow's own client from a store on disk."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.experiment.trial import Trial

for module in ("mlflow", "sqlalchemy", "alembic"):
    pytest.importorskip(module, reason="the extra `mlflow` is not installed")

# MLflow's own use of libraries that move on; nothing of ours.
pytestmark = pytest.mark.filterwarnings("default:::sqlalchemy", "default:::mlflow")

Told = Callable[..., Trial]


@pytest.fixture(autouse=True)
def no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the person's own settings are."""
    for name in ("TRACKING_URI", "DISABLE_TELEMETRY", "HTTP_REQUEST_MAX_RETRIES"):
        # Set before it is deleted, so that what the reporter sets is undone.
        monkeypatch.setenv(f"MLFLOW_{name}", "")
        monkeypatch.delenv(f"MLFLOW_{name}")


def runs(folder: Path, experiment: str = "onnas-harness") -> list[Any]:
    """What MLflow has of an experiment, the first run first."""
    from mlflow.tracking import MlflowClient  # noqa: PLC0415 - an extra

    client = MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}")
    found = client.get_experiment_by_name(experiment)
    assert found is not None
    return list(client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"]))


def test_a_trial_is_a_run(told: Told, tmp_path: Path) -> None:
    """Each trial is a finished run with its parameters, and metrics named by what they are."""
    told("mlflow", "emulated", steps=2)
    told("mlflow", seed=1, steps=0, error="broken")
    first, second = runs(tmp_path)
    assert first.info.status == "FINISHED"
    assert first.data.params["method"] == "m[q=1]"
    assert first.data.params["budget.search_steps"] == "10"
    assert first.data.tags["mode"] == "emulated"
    assert first.data.metrics == {
        "emulated/step_loss_nats": 1.5,
        "emulated/step_accuracy_percent": 40.0,
        "emulated/step_memory_mib": 2.0,
        "emulated/peak_memory_mib": 2.5,
        "predicted/search_time_s": 4.0,
        "predicted/search_time_s_low": 3.0,
        "predicted/search_time_s_high": 5.0,
    }
    assert (second.info.status, second.data.tags["error"]) == ("FAILED", "broken")


def test_store_and_experiment_can_be_chosen(told: Told, tmp_path: Path) -> None:
    """`mlflow[uri=...,experiment=...]` logs there, twice into the same experiment."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for seed in (0, 1):
        told(f"mlflow[uri=sqlite:///{elsewhere / 'mlflow.db'},experiment=night]", seed=seed)
    assert len(runs(elsewhere, "night")) == 2
    assert not (tmp_path / "mlflow.db").exists()
