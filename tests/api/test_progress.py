"""Progress in a pipe: few lines, with what is left, and nothing that people need is held back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.api.progress import LineProgress, interruptible_progress
from harness.experiment.trial import Trial
from harness.results.record import Record

Lines = Callable[[], list[str]]


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A clock that stands still until its `now` is moved."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(time, "monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Return the lines that were told since the last time."""
    return lambda: list(capsys.readouterr().err.splitlines())


class Named(str):
    """A trial, of which only its name is told."""

    __slots__ = ()
    method = SimpleNamespace(label="a method")


def ended(status: str = "ok", message: str | None = None) -> Record:
    """A record as far as its end is told."""
    error = None if message is None else SimpleNamespace(message=message)
    metrics = {"accuracy": SimpleNamespace(value=50.0)}
    return cast(Record, SimpleNamespace(status=status, error=error, metrics=metrics))


def test_a_pipe_gets_a_line_in_ten_seconds(clock: SimpleNamespace, lines: Lines) -> None:
    """Of 100 trials of half a second, each with a start and an end, 7 lines are told."""
    told: list[str] = []
    with LineProgress(100) as progress:
        for number in range(100):
            trial: Any = cast(Trial, Named(f"trial {number}"))
            progress.started(trial)
            clock.now += 0.5
            progress.finished(trial, ended(), resumed=False)
            told += lines()
    told += lines()
    assert 5 <= len(told) <= 7
    assert told[0] == "[1/100] trial 0"
    assert told[1].startswith("[20/100] trial 19: ok")
    assert told[1].endswith("; about 0:00:40 left")
    assert told[-1] == "[100/100] trial 99: ok, accuracy 50.00 %"


def test_a_thread_may_show_progress() -> None:
    """Signals are the main thread's, and a notebook's worker has none to handle."""
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: list(_entered())).result() == [1]


def _entered() -> Iterator[int]:
    with interruptible_progress(1):
        yield 1


def test_what_failed_is_told_at_once_and_once(clock: SimpleNamespace, lines: Lines) -> None:
    """A failure is no progress: it waits for nothing, and a hundred alike are one line."""
    trial: Any = cast(Trial, Named("a trial"))
    with LineProgress(102) as progress:
        progress.started(trial)
        for _ in range(100):
            progress.finished(trial, ended("error", "It broke."), resumed=False)
        progress.finished(trial, ended("error", "It broke too."), resumed=False)
    assert [line.partition("; ")[0] for line in lines()] == [
        "[1/102] a trial",
        "[1/102] a trial: error: It broke.",
        "[101/102] a trial: error: It broke too.",
    ]
    assert clock.now == 100.0


def test_what_is_left_counts_no_earlier_trials(clock: SimpleNamespace, lines: Lines) -> None:
    """Trials that another run had finished say nothing of how long one takes."""
    trial: Any = cast(Trial, Named("a trial"))
    progress = LineProgress(4)
    progress.finished(trial, ended(), resumed=True)
    progress.finished(trial, ended(), resumed=True)
    clock.now += 60
    progress.finished(trial, ended(), resumed=False)
    assert lines()[-1].endswith("; about 0:01:00 left")


def test_a_long_step_tells_its_batches(clock: SimpleNamespace, lines: Lines) -> None:
    """An epoch may take an hour: how far it is stands in the line."""
    trial: Any = cast(Trial, Named("a trial"))
    event = {"event": "batch", "task": 0, "step": 1, "batch": 224, "batches": 1391}
    with LineProgress(4) as progress:
        progress.progressed(trial, event)
    assert clock.now == 100.0
    assert lines() == ["[1/4] a method step 2 batch 224 of 1,391"]
