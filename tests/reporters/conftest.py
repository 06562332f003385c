"""A trial and its record, without running anything, and reporters switched on as a run does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from harness.contracts import DeviceMode
from harness.devices.profile import DeviceProfile
from harness.experiment.budget import Budget
from harness.experiment.outcome import Metric, Outcome, TrialError
from harness.experiment.setting import FewShotSetting
from harness.experiment.trial import DatasetIdentity, DeviceIdentity, MethodIdentity, Trial
from harness.plugins.lifecycle import make_reporters, notify, reporting
from harness.plugins.loading import Plugins, load_plugins
from harness.results.record import Record

STEP = {"task": 0, "step": 0, "loss": 1.5, "accuracy": 40.0, "memory_bytes": 2**21, "seconds": 0.5}


def _trial(mode: DeviceMode = "measured", seed: int = 0) -> Trial:
    return Trial(
        method=MethodIdentity(name="m", version="1", distribution="d", params={}, label="m[q=1]"),
        dataset=DatasetIdentity(
            name="dots", params={}, fingerprint="f" * 64, image_shape=(1, 8, 8), label="dots"
        ),
        setting=FewShotSetting(),
        device=DeviceIdentity(
            name="board",
            params={},
            mode=mode,
            profile=DeviceProfile(name="board", model="Board", kind="cpu"),
        ),
        budget=Budget(),
        seed=seed,
    )


def _record(trial: Trial, error: str = "") -> Record:
    """The record of a trial that ended well; of an emulated one the time is predicted."""
    mode = trial.device.mode
    metrics = {
        "peak_memory": Metric(value=2.5, unit="MiB", source=mode),
        "accuracy": Metric(value=None, unit="%", source=mode),
        "search_time": Metric(value=4.0, unit="s", source="measured"),
    }
    if mode == "emulated":
        time = Metric(value=4.0, unit="s", source="predicted", low=3.0, high=5.0)
        metrics["search_time"] = time
    failed = TrialError(type="E", message=error, stage="search") if error else None
    outcome = Outcome(
        status="error" if error else "ok", error=failed, metrics={} if error else metrics
    )
    return Record.of(trial, outcome, wall_s=1.0, started_at="", ended_at="")


def _go_through(plugins: Plugins, trial: Trial, steps: int = 2, error: str = "") -> None:
    tell = partial(notify, plugins.manager)
    tell("harness_trial_started", trial=trial)
    for step in range(steps):
        tell("harness_trial_progress", trial=trial, event={**STEP, "step": step})
    tell("harness_trial_finished", trial=trial, record=_record(trial, error))


@pytest.fixture(scope="session")
def make_trial() -> Callable[..., Trial]:
    """Return `make_trial(mode, seed)`."""
    return _trial


@pytest.fixture(scope="session")
def go_through() -> Callable[..., None]:
    """Return `go_through(plugins, trial, steps, error)`, which tells plugins of a whole trial."""
    return _go_through


@pytest.fixture(scope="session")
def plugins() -> Plugins:
    """All that is installed."""
    return load_plugins()


@pytest.fixture
def told(plugins: Plugins, tmp_path: Path) -> Callable[..., Trial]:
    """Return `told(reporter, mode, seed, steps, error)`.

    It tells the reporter of one trial, as a run into `tmp_path` would, and returns the trial.
    """

    def told(reporter: str, mode: DeviceMode = "measured", seed: int = 0, **ends: Any) -> Trial:
        trial = _trial(mode, seed)
        with reporting(plugins, make_reporters(plugins, [reporter]), tmp_path):
            _go_through(plugins, trial, **ends)
        return trial

    return told
