"""Any kind of job has a process of its own, which is watched until it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

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
