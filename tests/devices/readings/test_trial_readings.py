"""The readings of one trial, and how they arrive in its metrics and its environment."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import fmean
from typing import cast

import pytest
import torch

from harness.contracts import Batch, DeviceMode, SearchBatch, SearchMethod, StepMetrics
from harness.devices.profile import DeviceProfile
from harness.experiment.budget import Budget
from harness.experiment.outcome import Metric, TaskResult
from harness.experiment.setting import FewShotSetting
from harness.experiment.trial import DatasetIdentity, DeviceIdentity, MethodIdentity, Trial
from harness.loop.guards import TrialLimits
from harness.measure.memory import AllocatorPeaks
from harness.trials.readings import TrialReadings
from harness.trials.session import Session
from harness.trials.trial import metrics_of

MIB = 2**20
CPU = torch.device("cpu")
WATTS = 4.032  # what the recorded board draws all the time
BOARDS_OWN = {"energy", "board_memory", "swap_used"}

Plant = Callable[[Mapping[str, str]], Path]


def meminfo(available_mib: int, swap_free_mib: int) -> Mapping[str, str]:
    values = {"MemAvailable": available_mib, "SwapTotal": 500, "SwapFree": swap_free_mib}
    return {"proc/meminfo": "".join(f"{key}: {mib * 1024} kB\n" for key, mib in values.items())}


class Sleeper:
    """A method whose step takes a while."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds

    def search_step(self, batches: Iterable[SearchBatch]) -> StepMetrics:
        for _ in batches:
            time.sleep(self.seconds)
        return StepMetrics(loss=1.0, accuracy=50.0)


def session(mode: DeviceMode, root: Path) -> Session:
    """A trial on a machine with the files of `root`."""
    trial = Trial(
        method=MethodIdentity(name="m", version="1", distribution="d", params={}, label="m"),
        dataset=DatasetIdentity(
            name="data", params={}, fingerprint="f", image_shape=(1, 8, 8), label="data"
        ),
        setting=FewShotSetting(),
        device=DeviceIdentity(
            name="board",
            params={},
            mode=mode,
            profile=DeviceProfile(name="board", model="any", kind="cpu"),
        ),
        budget=Budget(),
        seed=0,
    )
    readings = TrialReadings(mode, root)
    return Session(trial, CPU, TrialLimits(Budget(), None), lambda _: None, readings)


def search(trial: Session, task: int, seconds: float, data_s: float = 0.0) -> None:
    """Do one task of one search step, and take its result as the protocol does."""
    batch = Batch(torch.zeros(1, 1, 8, 8), torch.zeros(1, dtype=torch.int64))

    def batches() -> Iterable[SearchBatch]:
        time.sleep(data_s)
        yield SearchBatch(batch, batch)

    method = cast(SearchMethod, Sleeper(seconds))
    search_s = trial.search_step(method, batches(), task, 0)
    trial.tasks.append(
        TaskResult(
            index=task,
            accuracy=50.0,
            search_s=search_s,
            peak_memory_bytes=0,
            energy_j=trial.readings.energy_j(task),
        )
    )


def test_energy_is_power_over_the_search_steps(nano: Path) -> None:
    """A task's joules are those of its steps and of little beside, the first task left out."""
    trial = session("measured", nano)
    for task, seconds in enumerate((0.2, 0.3, 0.3)):
        before = time.perf_counter()
        search(trial, task, seconds)
        elapsed = time.perf_counter() - before
        assert WATTS * seconds <= (trial.tasks[task].energy_j or 0.0) <= WATTS * elapsed
    energy = metrics_of(trial, fitted=True)["energy"]
    assert (energy.unit, energy.source) == ("J", "measured")
    assert energy.value == fmean(task.energy_j or 0.0 for task in trial.tasks[1:])


def test_reading_images_takes_no_energy(nano: Path) -> None:
    """Half a second of waiting for images within a step is left out, as it is of the time."""
    trial, before = session("measured", nano), time.perf_counter()
    search(trial, 0, seconds=0.3, data_s=0.5)
    elapsed = time.perf_counter() - before
    (task,) = trial.tasks
    assert task.energy_j is not None
    assert WATTS * 0.3 <= task.energy_j <= WATTS * (elapsed - 0.5)


def test_what_is_queued_counts_as_the_methods_time(
    nano: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A GPU still computes when the next images are asked for; that is waited for before."""
    trial, queued = session("measured", nano), [0.3]

    def wait(_: torch.device) -> None:
        time.sleep(queued.pop() if queued else 0.0)

    monkeypatch.setattr("harness.trials.session.synchronise", wait)
    search(trial, 0, seconds=0.0)
    assert trial.tasks[0].search_s >= 0.3
    assert trial.data_s < 0.3
    assert (trial.tasks[0].energy_j or 0.0) >= WATTS * 0.3


def test_steps_of_a_task_add_up(nano: Path) -> None:
    """A task's energy is that of all its search steps."""
    trial = session("measured", nano)
    search(trial, 0, 0.15)
    first = trial.readings.energy_j(0)
    search(trial, 0, 0.15)
    both = trial.readings.energy_j(0)
    assert first is not None
    assert both is not None
    assert both >= first + 0.15 * WATTS


def test_memory_is_the_fall_since_the_start(nano: Path, plant: Plant) -> None:
    """What the board has less of than before the trial, at the worst moment of a search step."""
    plant(meminfo(1200, 400))
    trial = session("measured", nano)
    plant(meminfo(700, 390))
    search(trial, 0, 0.0)
    plant(meminfo(1100, 395))
    search(trial, 1, 0.0)
    metrics = metrics_of(trial, fitted=True)
    assert metrics["board_memory"] == Metric(value=500.0, unit="MiB", source="measured")
    assert metrics["swap_used"] == Metric(value=10.0, unit="MiB", source="measured")


def test_what_did_not_fit_has_no_fall(nano: Path) -> None:
    """Out of memory, how much would have been needed is unknown: null."""
    trial = session("measured", nano)
    search(trial, 0, 0.0)
    assert metrics_of(trial, fitted=False)["board_memory"].value is None


def test_lost_energy_is_null_with_a_note(nano: Path) -> None:
    """A monitor that goes during the trial leaves null, never 0, and the record says why."""
    trial = session("measured", nano)
    for task in (0, 1):
        search(trial, task, 0.01)
    trial.tasks.pop()  # there is another step to come
    for path in nano.rglob("in_power0_input"):
        path.unlink()
    search(trial, 1, 0.01)
    assert metrics_of(trial, fitted=True)["energy"].value is None
    assert "not there" in trial.readings.environment()["missing_readings"]["energy"]


def test_a_machine_without_sensors_has_no_such_metrics(tmp_path: Path) -> None:
    """What nothing reads is absent, and the record says why there is no energy."""
    trial = session("measured", tmp_path)
    search(trial, 0, 0.0)
    assert not set(metrics_of(trial, fitted=True)) & BOARDS_OWN
    assert trial.readings.environment() == {
        "missing_readings": {"energy": "no INA3221 power monitor"}
    }


def test_an_emulated_device_is_not_read(nano: Path) -> None:
    """The board at hand is not the device that it stands in for."""
    trial = session("emulated", nano)
    search(trial, 0, 0.0)
    assert not set(metrics_of(trial, fitted=True)) & {*BOARDS_OWN, "process_peak_rss"}
    assert trial.readings.environment() == {}


def test_the_record_has_the_state_at_start_and_end(nano: Path) -> None:
    """Mode, clocks and temperatures, each with its unit, before and after."""
    trial = session("measured", nano)
    search(trial, 0, 0.0)
    (nano / "sys/class/thermal/thermal_zone2/temp").write_text("61500\n")
    environment = trial.readings.environment()
    start, end = environment["machine_at_start"], environment["machine_at_end"]
    assert start["power_mode"] == {"value": "MAXN", "unit": ""}
    assert start["gpu_clock"] == {"value": 921.6, "unit": "MHz"}
    assert start["temperature_GPU-therm"] == {"value": 35.0, "unit": "°C"}
    assert end["temperature_GPU-therm"] == {"value": 61.5, "unit": "°C"}
    assert environment["energy_source"].endswith("/in_power0_input")


def test_the_documentation_names_what_is_read(nano: Path) -> None:
    """Whoever finds a number in a record finds it in `docs/devices.md`."""
    text = (Path(__file__).parents[3] / "docs" / "devices.md").read_text(encoding="utf-8")
    trial = session("measured", nano)
    search(trial, 0, 0.0)
    environment = trial.readings.environment()
    read = {*trial.readings.memory_bytes(), *environment, *environment["machine_at_start"]}
    assert {*BOARDS_OWN, "power_mode", "machine_at_end"} - {"energy"} <= read
    shown = {"temperature_..." if name.startswith("temperature") else name for name in read}
    shown |= {"energy", "allocator_peak", "reserved_peak", "process_peak_rss"}
    assert [name for name in sorted(shown) if name not in text] == []


def test_allocator_peaks_are_those_of_the_search_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """The peaks start anew before each step, so that what ran in between does not count."""
    peaks = {"allocated": 900, "reserved": 900}  # of building, say

    def reset(_: torch.device) -> None:
        peaks.update(allocated=100, reserved=200)

    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", reset)
    monkeypatch.setattr(torch.cuda, "max_memory_allocated", lambda _: peaks["allocated"])
    monkeypatch.setattr(torch.cuda, "max_memory_reserved", lambda _: peaks["reserved"])
    allocator = AllocatorPeaks(torch.device("cuda"))
    for allocated in (300, 250):
        with allocator.measuring():
            peaks["allocated"] = allocated
        peaks.update(allocated=5000, reserved=6000)  # predictions
    assert (allocator.allocated_bytes, allocator.reserved_bytes) == (300, 200)
