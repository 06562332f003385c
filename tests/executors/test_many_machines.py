"""Runs over workers that die, and over a connection that is cut: nothing lost, nothing twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("distributed", reason="needs the extra 'dask'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("toy_plugin"),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds workers' processes in /proc"),
]

KILLS, KILL_EVERY_S, TRIALS = 10, 2.0, 100


def start(folder: Path, name: str, *options: str, trials: int = TRIALS) -> subprocess.Popen[str]:
    """Start a run of the toy as a shell would."""
    command = [
        sys.executable, "-m", "harness", "run", "-m", "toy", "--dataset", "dots", "--json",
        "--budget", "search_steps=3,tasks=2,meta_epochs=0", "--seed", f"0-{trials - 1}",
        "-o", name, *options,
    ]  # fmt: skip
    environment = {**os.environ, "HARNESS_CACHE": str(folder / "cache")}
    with (folder / f"{name}.log").open("w", encoding="utf-8") as log:
        return subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=folder, env=environment, text=True, stdout=subprocess.PIPE, stderr=log
        )


def finish(run: subprocess.Popen[str], folder: Path, name: str) -> dict[str, Any]:
    """Wait for a run that ends well, and read its answer."""
    output, _ = run.communicate()
    complaints = (folder / f"{name}.log").read_text(encoding="utf-8")
    assert run.returncode == 0, complaints[-3000:]
    assert "Traceback" not in complaints
    answer: dict[str, Any] = json.loads(output)
    return answer


def values(record: dict[str, Any]) -> Any:
    """What of a record does not depend on the clock."""
    tasks = [
        (each["index"], each["accuracy"], each["peak_memory_bytes"]) for each in record["tasks"]
    ]
    metrics = {name: record["metrics"][name] for name in ("accuracy", "peak_memory", "storage")}
    return record["trial_key"], record["status"], tasks, metrics, record["architecture"]


def records(folder: Path, name: str) -> int:
    """How many trials have a record now."""
    return sum(1 for _ in (folder / name).glob("trials/*/record.json"))


def kill_some(
    workers: Callable[[], list[int]], done: Callable[[], int], run: subprocess.Popen[str]
) -> int:
    """Kill the oldest worker every few seconds, between trials that end; return how many."""
    killed, seen = 0, done()
    while killed < KILLS and run.poll() is None:
        time.sleep(KILL_EVERY_S)
        alive = workers()
        if len(alive) >= 3 and done() > seen:
            os.kill(alive[0], signal.SIGKILL)
            killed, seen = killed + 1, done()
    return killed


@pytest.mark.timeout(1500)
def test_killed_workers_and_a_cut_connection_lose_nothing(
    tmp_path: Path,
    cluster: Callable[[int], Any],
    workers_of: Callable[[int], list[int]],
    cuttable: Callable[[int], Any],
) -> None:
    """Ten workers killed, the connection cut: each trial has one record, as of a serial run."""
    with cluster(4) as (port, nannies):
        way = cuttable(port)
        address = f"tcp://127.0.0.1:{way.port}"
        while len(workers_of(nannies)) < 4:
            time.sleep(0.1)
        run = start(
            tmp_path, "spread", "--executor", "dask", "--scheduler", address, "--mode", "measured"
        )
        while not records(tmp_path, "spread"):
            assert run.poll() is None, (tmp_path / "spread.log").read_text(encoding="utf-8")
            time.sleep(0.1)
        way.cut()
        killed = kill_some(lambda: workers_of(nannies), lambda: records(tmp_path, "spread"), run)
        spread = finish(run, tmp_path, "spread")
    assert killed == KILLS
    assert "was cut; it is made again" in (tmp_path / "spread.log").read_text(encoding="utf-8")
    assert records(tmp_path, "spread") == TRIALS
    assert len({record["trial_key"] for record in spread["trials"]}) == TRIALS
    serial = finish(start(tmp_path, "serial"), tmp_path, "serial")
    assert list(map(values, spread["trials"])) == list(map(values, serial["trials"]))


@pytest.mark.alone
@pytest.mark.timeout(600)
def test_four_workers_are_not_slower_than_one(tmp_path: Path) -> None:
    """Four trials side by side end no later than one by one, with a tenth to spare."""
    seconds = {}
    for jobs in ("1", "4"):
        started = time.perf_counter()
        finish(start(tmp_path, f"jobs{jobs}", "-j", jobs, trials=60), tmp_path, f"jobs{jobs}")
        seconds[jobs] = time.perf_counter() - started
    assert seconds["4"] <= 1.1 * seconds["1"], seconds


@pytest.mark.timeout(300)
def test_an_interrupted_run_lets_its_workers_go(
    tmp_path: Path, cluster: Callable[[int], Any]
) -> None:
    """After Ctrl-C the run ends with 130, and the workers are soon free for the next one."""
    with cluster(2) as (port, _):
        # With the mode said, a run waits for workers that are still to come.
        address = f"tcp://127.0.0.1:{port}"
        options = ["--executor", "dask", "--scheduler", address, "--mode", "measured"]
        hanging = start(tmp_path, "first", *options, "-m", "toy[does=hang]", trials=2)
        while not list((tmp_path / "first").glob("trials/*")):
            assert hanging.poll() is None, (tmp_path / "first.log").read_text(encoding="utf-8")
            time.sleep(0.1)
        time.sleep(5)
        hanging.send_signal(signal.SIGINT)
        output, _ = hanging.communicate(timeout=60)
        assert hanging.returncode == 130
        assert json.loads(output)["interrupted"] is True
        second = finish(start(tmp_path, "second", *options, trials=2), tmp_path, "second")
        assert {record["status"] for record in second["trials"]} == {"ok"}
