"""Runs that are killed or interrupted: nothing finished is lost, nothing is done twice."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.usefixtures("toy_plugin")

COMMAND = [
    sys.executable, "-m", "harness", "run", "--dataset", "dots", "-m", "toy", "--seed", "0-11",
    "--budget", "search_steps=20,tasks=10", "-o", "out", "--json",
]  # fmt: skip


def start(folder: Path) -> subprocess.Popen[str]:
    """Start the run as a shell would, in a process group of its own."""
    environment = {**os.environ, "HARNESS_CACHE": str(folder / "cache")}
    return subprocess.Popen(  # noqa: S603 - our own command
        COMMAND, cwd=folder, env=environment, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def records(folder: Path) -> dict[Path, bytes]:
    """Every record that is there, with its bytes."""
    return {path: path.read_bytes() for path in folder.glob("out/trials/*/record.json")}


def alive_in(group: int) -> bool:
    """Whether a process of the group still runs."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.slow
def test_kill_9_at_any_moment_loses_nothing(tmp_path: Path) -> None:
    """Five kills at random moments leave every finished record as it was; then the rest is run."""
    moments = random.Random(20231112)  # noqa: S311 - no secret
    for _ in range(5):
        before = records(tmp_path)
        run = start(tmp_path)
        time.sleep(moments.uniform(0.5, 9.0))
        run.kill()
        run.communicate()
        now = records(tmp_path)
        assert {path: now[path] for path in before} == before
    before = records(tmp_path)
    last = start(tmp_path)
    output, complaints = last.communicate()
    assert last.returncode == 0, complaints
    after = records(tmp_path)
    assert {path: after[path] for path in before} == before
    answer = json.loads(output)
    assert answer["finished_earlier"] == len(before)
    assert len(answer["trials"]) == len(after) == 12
    assert len({record["trial_key"] for record in answer["trials"]}) == 12
    assert {record["status"] for record in answer["trials"]} == {"ok"}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_so_and_goes_on_later(tmp_path: Path, how: signal.Signals) -> None:
    """Ctrl-C and a polite kill end with status 130, a sentence, and no process left behind."""
    run = start(tmp_path)
    while not records(tmp_path) and run.poll() is None:
        time.sleep(0.05)
    os.killpg(run.pid, how) if how == signal.SIGINT else run.send_signal(how)
    output, complaints = run.communicate(timeout=120)
    assert run.returncode == 130
    assert "Interrupted" in complaints
    assert "Traceback" not in complaints
    assert json.loads(output)["interrupted"] is True
    deadline = time.monotonic() + 20
    while alive_in(run.pid) and time.monotonic() < deadline:
        time.sleep(0.1)  # the server that has imported torch takes a moment to go
    assert not alive_in(run.pid)
    statuses = [json.loads(text)["status"] for text in records(tmp_path).values()]
    assert statuses.count("ok") >= 1
    assert set(statuses) <= {"ok", "interrupted"}
