"""`-j N`: several trials at once on this machine, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.devices.profile import MemoryProfile
from harness.executors.base import ExecutorEvent, TrialFinished, TrialStarted, TrialStepped
from harness.executors.local import LocalExecutor
from harness.experiment.trial import Trial
from harness.runtime.job import TrialJob

pytestmark = pytest.mark.usefixtures("toy_plugin", "scratch")

Planned = Callable[..., list[TrialJob]]


def run(*arguments: str) -> dict[str, Any]:
    """Call `harness run` for a toy, and read its answer."""
    budget = "search_steps=3,tasks=2,meta_epochs=0"
    fixed = ["run", "--dataset", "dots", "--budget", budget, "--json"]
    result = CliRunner().invoke(cli, [*fixed, *arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in {0, 1}, result.stderr
    assert result.stdout, result.stderr
    answered: dict[str, Any] = json.loads(result.stdout)
    return answered


def values(record: dict[str, Any]) -> Any:
    """What of a record does not depend on the clock."""
    tasks = [(task["index"], task["accuracy"]) for task in record["tasks"]]
    peak = record["metrics"].get("peak_memory")  # nothing of one that died
    error = record["error"]
    return record["trial_key"], record["status"], error, tasks, peak, record["architecture"]


def test_side_by_side_gives_what_one_by_one_gives(scratch: Path) -> None:
    """The same records, steps and logs, also of a method that fails or dies; resumable."""
    methods = ["-m", "toy", "-m", "toy[does=raise]", "-m", "toy[does=die]", "-m", "toy[does=print]"]
    one = run(*methods, "-o", "one")
    two = run(*methods, "-j", "3", "-o", "two")
    assert list(map(values, one["trials"])) == list(map(values, two["trials"]))
    assert two["trials"][0]["environment"]["trials_side_by_side"] == 3
    for path in sorted((scratch / "one" / "trials").iterdir()):
        twin = scratch / "two" / "trials" / path.name
        assert {each.name for each in twin.iterdir()} == {each.name for each in path.iterdir()}
        steps = (twin / "steps.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(steps) == len((path / "steps.jsonl").read_text(encoding="utf-8").splitlines())
    logs = [path.read_text(encoding="utf-8") for path in (scratch / "two").rglob("log.txt")]
    assert sum("seen in the log" in log for log in logs) == 1
    again = run(*methods, "-j", "2", "-o", "two")
    assert (again["finished_earlier"], again["trials"]) == (4, two["trials"])


@pytest.mark.parametrize(("size", "policy"), [(1, None), (2, "passive")])
def test_threads_sleep_where_trials_share_the_cores(
    monkeypatch: pytest.MonkeyPatch, size: int, policy: str | None
) -> None:
    """Threads that spin while they wait would keep other trials from computing."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "active")  # so that it is put back after the test
    LocalExecutor(size)
    assert os.environ["OMP_WAIT_POLICY"] == "active"  # what a person has set stays
    del os.environ["OMP_WAIT_POLICY"]
    LocalExecutor(size)
    assert os.environ.get("OMP_WAIT_POLICY") == policy


def test_no_extra_is_needed() -> None:
    """Dask is for many machines: side by side on this one, nothing of it is imported."""
    program = """
import sys
sys.modules["distributed"] = sys.modules["dask"] = None
from harness.cli.main import main
main()
"""
    command = [sys.executable, "-c", program, "run", "-m", "toy", "--dataset", "dots", "-j", "2"]
    budget = "search_steps=1,tasks=1,meta_epochs=0"
    done = subprocess.run(  # noqa: S603 - our own program
        [*command, "--budget", budget, "--seed", "0-1", "-o", "out"],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list(Path("out").rglob("record.json"))) == 2


def told(executor: LocalExecutor, jobs: list[TrialJob], folder: Path) -> list[ExecutorEvent]:
    """All that is told of a run."""
    return list(executor.run(jobs, logs_in(folder), print))


def logs_in(folder: Path) -> Callable[[Trial], Path]:
    """Where a trial's log goes, in one folder."""
    return lambda trial: folder / f"{trial.key}.txt"


def most_at_once(events: list[ExecutorEvent]) -> int:
    """How many trials were under way at the same time."""
    under_way = most = 0
    for event in events:
        under_way += isinstance(event, TrialStarted) - isinstance(event, TrialFinished)
        most = max(most, under_way)
    return most


@pytest.mark.parametrize(("jobs", "most"), [(1, 1), (2, 2), (9, 4)])
def test_as_many_as_were_asked_for(planned: Planned, tmp_path: Path, jobs: int, most: int) -> None:
    """Never more at once, each trial ends once, and every step of it is told before."""
    events = told(LocalExecutor(jobs), planned(4), tmp_path)
    assert most_at_once(events) == most
    finished = [event.trial.seed for event in events if isinstance(event, TrialFinished)]
    assert sorted(finished) == [0, 1, 2, 3]
    stepped = [event.trial.seed for event in events if isinstance(event, TrialStepped)]
    assert sorted(stepped) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    "board",
    [
        {"kind": "cuda"},
        {"memory": MemoryProfile(total_bytes=2**32, system_bytes=2**31, reserved_bytes=0)},
    ],
)
def test_a_device_that_is_here_has_one_trial_at_a_time(
    planned: Planned, tmp_path: Path, board: dict[str, Any]
) -> None:
    """Two on a GPU or a board would take its memory from each other; cores are shared."""
    jobs = []
    for job in planned(3):
        device = job.trial.device
        profile = device.profile.model_copy(update=board)
        gpu = device.model_copy(update={"name": "gpu", "profile": profile})
        jobs.append(job.model_copy(update={"trial": job.trial.model_copy(update={"device": gpu})}))
    assert most_at_once(told(LocalExecutor(3), jobs, tmp_path)) == 1


def test_who_stops_listening_stops_the_trials(planned: Planned, tmp_path: Path) -> None:
    """Closed in the middle, it leaves neither a process nor a thread."""
    before = threading.active_count()
    jobs = planned(3, methods=["toy[does=hang,at=1]"])
    events = LocalExecutor(2).run(jobs, logs_in(tmp_path), print)
    assert [type(next(events)) for _ in range(2)] == [TrialStarted, TrialStarted]
    events.close()
    assert threading.active_count() == before


def test_what_cannot_be_started_is_an_error_here(planned: Planned, tmp_path: Path) -> None:
    """A thread's error is raised where its trial is waited for, and nothing is left waiting."""

    def nowhere(_: Trial) -> Path:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(PermissionError):
        list(LocalExecutor(2).run(planned(2), nowhere, print))
