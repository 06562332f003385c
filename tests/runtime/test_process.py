"""Any kind of job has a process of its own, which is watched until it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.runtime.forkserver import HAS_SERVER
from harness.runtime.job import Job, MetaWorkerJob, PretrainingJob, TrialJob
from harness.runtime.process import ProcessLauncher
from tests.runtime.kinds import Greeting


def test_kinds_of_jobs_register_themselves() -> None:
    """A class is enough; the harness's own kinds come in that way, too."""
    assert {TrialJob, PretrainingJob, MetaWorkerJob, Greeting} <= set(Job.kinds)
    for kind in (TrialJob, PretrainingJob, MetaWorkerJob):
        assert callable(kind.import_runner())


def test_a_job_is_done_in_its_process(tmp_path: Path) -> None:
    """Its events come here, and what it prints goes to its log."""
    events: list[dict[str, Any]] = []
    job = Greeting(word="good morning", data_root=None, cache_root=tmp_path)
    outcome = ProcessLauncher().run(job, tmp_path / "log.txt", events.append)
    assert outcome.status == "ok"
    assert events == [{"event": "greeting", "word": "good morning", "rank": 0}]
    assert "good morning" in (tmp_path / "log.txt").read_text(encoding="utf-8")


def test_a_process_that_ends_by_itself_is_an_error(tmp_path: Path) -> None:
    """The message has the kind's own noun, and the exit status."""
    job = Greeting(word="exit", data_root=None, cache_root=tmp_path)
    outcome = ProcessLauncher().run(job, tmp_path / "log.txt", print)
    assert outcome.error is not None
    assert outcome.error.message.startswith("the greeting's process ended with exit status 3")


@pytest.mark.parametrize("word", ["hello", "exit"])
def test_many_at_once_each_end_as_they_did(tmp_path: Path, word: str) -> None:
    """Threads that start and reap processes side by side do not take each other's exit status."""
    launcher = ProcessLauncher()
    launcher.warm_up()
    job = Greeting(word=word, data_root=None, cache_root=tmp_path)

    def run(number: int) -> str:
        outcome = launcher.run(job, tmp_path / f"{number}.txt", lambda _: None)
        return outcome.error.message.partition("status ")[2][:1] if outcome.error else "ok"

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(run, range(16))) == {"ok" if word == "hello" else "3"}


POOL = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from harness.runtime.forkserver import begin_pooled, processes, start_server
if __name__ == "__main__":
    context = processes([])
    start_server(context)
    pool = ProcessPoolExecutor(1, mp_context=context, initializer=begin_pooled)
    print(pool.submit(os.getpid).result(), flush=True)
    pool.submit(time.sleep, 250).result()
"""


@pytest.mark.skipif(not HAS_SERVER, reason="looks for processes as only Unix has them")
def test_processes_of_a_pool_end_with_their_parent(tmp_path: Path) -> None:
    """Killed while it estimates, a command leaves no process behind."""
    program = tmp_path / "program.py"
    program.write_text(POOL, encoding="utf-8")
    parent = subprocess.Popen([sys.executable, str(program)], stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    parent.send_signal(signal.SIGTERM)
    parent.communicate()
    for _ in range(600):
        if not is_alive(worker):
            return
        time.sleep(0.1)
    os.kill(worker, signal.SIGKILL)
    pytest.fail("the process is still there")


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
