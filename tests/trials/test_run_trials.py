"""A run is one call: a request goes in, records come out, and nothing is printed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from harness.errors import UnknownNameError
from harness.executors.base import ExecutorOptions
from harness.experiment.outcome import Outcome
from harness.experiment.trial import Trial
from harness.plugins.loading import load_plugins
from harness.pretraining.pretrain import PretrainRequest, pretrain
from harness.results.record import Record
from harness.runtime.job import TrialJob
from harness.runtime.process import ProcessLauncher
from harness.trials.runner import RunRequest, run_trials
from harness.trials.trial import run_trial

pytestmark = pytest.mark.usefixtures("toy_plugin", "scratch")

WANTED = {"methods": ["toy"], "datasets": ["dots"], "seeds": "0-2"}


class Listening:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.total = 0
        self.told: list[str] = []

    @contextmanager
    def progress(self, total: int) -> Iterator[Listening]:
        self.total = total
        yield self

    def said(self, sentence: str) -> None:
        self.told.append(sentence)

    def started(self, trial: Trial) -> None:
        self.told.append("started")

    def progressed(self, trial: Trial, event: dict[str, Any]) -> None:
        self.told.append("progressed")

    def finished(self, trial: Trial, record: Record, *, resumed: bool) -> None:
        self.told.append("resumed" if resumed else "finished")

    def pretraining_started(self, pretraining: Any, done: int) -> None:
        self.told.append("pretraining started")

    def pretraining_progressed(self, pretraining: Any, event: dict[str, Any]) -> None: ...


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_request_comes_to_records(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, jobs: int
) -> None:
    """The listener is told of every trial and step; a second call finds all of it done."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    request = RunRequest(
        wanted={**WANTED, "budget": "search_steps=2,tasks=1,meta_epochs=0"},
        output=tmp_path / "run",
        cache_root=tmp_path / "cache",
        executor=ExecutorOptions(jobs=jobs),
    )
    first, second = Listening(), Listening()
    result = run_trials(load_plugins(), request, first.progress, print)
    assert [record.status for record in result.records] == ["ok"] * 3
    assert [record.seed for record in result.records] == [0, 1, 2]
    assert (result.folder, result.interrupted) == (tmp_path / "run", False)
    assert first.total == 3
    assert {word: first.told.count(word) for word in set(first.told)} == {
        "started": 3,
        "progressed": 6,
        "finished": 3,
    }
    again = run_trials(load_plugins(), request, second.progress, print)
    assert again.records == result.records
    assert (again.skipped, second.told) == (3, ["resumed"] * 3)
    assert capfd.readouterr().out == ""


def test_a_full_task_tells_its_batches_which_are_no_steps(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where an epoch takes long, the listener hears how far it is; `steps.jsonl` has epochs."""
    for split, name, number in product(("train", "test"), ("a", "b"), range(4)):
        path = tmp_path / "images" / split / name / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (8, 8), 60 * number).save(path)
    plugins, events = load_plugins(), []

    def run_here(_: object, job: TrialJob, __: Path, on_event: Callable[..., None]) -> Outcome:
        return run_trial(plugins, job, on_event)

    monkeypatch.setattr("harness.trials.session.TELL_EVERY_S", 0.0)
    monkeypatch.setattr(ProcessLauncher, "run", run_here)
    monkeypatch.setattr(Listening, "progressed", lambda _, __, event: events.append(event))
    request = RunRequest(
        wanted={
            "methods": ["toy"],
            "datasets": [f"folder[path={tmp_path / 'images'},size=8,mode=gray,task=full-task]"],
            "budget": "epochs=2",
            "recipe": "batch_size=2",
        },
        output=tmp_path / "run",
        cache_root=tmp_path / "cache",
    )
    (record,) = run_trials(plugins, request, Listening().progress, print).records
    assert record.status == "ok"
    assert [(each["event"], each["step"], each.get("batch")) for each in events] == [
        ("batch", 0, 1), ("batch", 0, 2), ("step", 0, None),
        ("batch", 1, 1), ("batch", 1, 2), ("step", 1, None),
    ]  # fmt: skip
    (written,) = (tmp_path / "run").glob("trials/*/steps.jsonl")
    assert len(written.read_text(encoding="utf-8").splitlines()) == 2


def test_what_is_wrong_is_raised(tmp_path: Path) -> None:
    """A name that is none is an exception, and nothing was written."""
    request = RunRequest(wanted={**WANTED, "methods": ["tyo"]}, output=tmp_path / "run")
    with pytest.raises(UnknownNameError, match="toy"):
        run_trials(load_plugins(), request, Listening().progress, print)
    assert not (tmp_path / "run").exists()


def test_pretraining_is_one_call_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two that are not small are made side by side, and leave what one by one leaves."""
    monkeypatch.setenv("OMP_WAIT_POLICY", "passive")
    monkeypatch.setattr("harness.pretraining.store._is_small", lambda _: False)
    budget = "meta_epochs=2,warmup_epochs=1,meta_tasks=2,meta_steps=1,meta_shots=2"
    files = []
    for jobs in (1, 2):
        request = PretrainRequest(
            wanted={**WANTED, "methods": ["learner"], "budget": budget, "seeds": "0-1"},
            executor=ExecutorOptions(jobs=jobs),
            cache_root=tmp_path / str(jobs),
        )
        result = pretrain(load_plugins(), request, Listening().progress, print)
        assert [each.error for each in result.pretrained] == [None, None]
        files.append([each.path.name for each in result.pretrained if each.path])
    assert files[0] == files[1]
    assert len(files[0]) == 2
