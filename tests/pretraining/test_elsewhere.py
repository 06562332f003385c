"""A pretraining whose tasks are learned elsewhere: the same tensors, and an end in every case."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.contracts import DataRequest
from harness.errors import UsageError
from harness.executors.dask.meta_worker import MetaWorker
from harness.experiment.outcome import Outcome, TrialError
from harness.experiment.suite import SuiteEntry
from harness.experiment.trial import DeviceIdentity
from harness.planning.planner import Planner
from harness.plugins.loading import load_plugins
from harness.pretraining import loop as stage
from harness.pretraining.checkpoint import Checkpoint, read_checkpoint
from harness.pretraining.launcher import PretrainingLauncher
from harness.pretraining.store import CheckpointStore
from harness.runtime.job import PretrainingJob
from harness.runtime.meta_tasks import (
    MetaTaskFailedError,
    MetaTaskRequest,
    MetaTaskResult,
    RemoteClient,
    serve,
)
from harness.runtime.process import ProcessLauncher
from tests.pretraining.planned import planned

pytestmark = pytest.mark.usefixtures("toy_plugin")

BUDGET = (
    "quick,search_steps=1,tasks=1,meta_epochs=3,warmup_epochs=1,meta_tasks=3,meta_steps=2,"
    "meta_shots=2,channels=4"
)


class MetaWorkers:
    """Learns in a process of its own, the last task first (a `MetaTaskExecutor`).

    Attributes:
        before: is called before each task.
    """

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.before = before
        self.meta_worker: MetaWorker | None = None

    def learn(
        self, job: PretrainingJob, device: DeviceIdentity, request: MetaTaskRequest, *_: Any
    ) -> Generator[MetaTaskResult, None, None]:
        if self.meta_worker is None:
            self.meta_worker = MetaWorker("run", job.meta_worker_job(device))
        for task in reversed(request.tasks):
            self.before()
            yield self.meta_worker.learn(MetaTaskRequest(request.meta_epoch, [task], request.state))

    def close(self) -> None:
        if self.meta_worker is not None:
            self.meta_worker.close()


class Silent:
    """Listens to pretraining, and expects nothing to be said."""

    def pretraining_started(self, pretraining: Any, done: int) -> None: ...

    def pretraining_progressed(self, pretraining: Any, event: dict[str, Any]) -> None: ...

    def said(self, sentence: str) -> None:
        raise AssertionError(sentence)


@contextmanager
def meta_workers(before: Callable[[], None] = lambda: None) -> Iterator[MetaWorkers]:
    """MetaWorkers that go home in the end."""
    made = MetaWorkers(before)
    try:
        yield made
    finally:
        made.close()


def make(folder: Path, method: str, learner: Any) -> Outcome:
    """Make a checkpoint as a run does, its tasks learned elsewhere."""
    trial, job = planned(folder / "one.safetensors", method, BUDGET)
    maker = PretrainingLauncher(load_plugins(), None, job.cache_root, ProcessLauncher(), 1, learner)
    return maker.make(job.pretraining, trial, job.checkpoint, Silent())


def unbroken(folder: Path, method: str) -> Checkpoint:
    """The checkpoint of a process that works alone."""
    _, job = planned(folder / "one.safetensors", method, BUDGET)
    job = job.model_copy(update={"checkpoint": folder / "alone.safetensors"})
    assert stage.run_pretraining(load_plugins(), job, lambda _: None).status == "ok"
    return read_checkpoint(job.checkpoint)


def assert_same(one: Checkpoint, other: Checkpoint) -> None:
    """Two checkpoints agree in every bit that does not tell the time."""
    assert one.state.keys() == other.state.keys()
    assert all(np.array_equal(one.state[name], other.state[name]) for name in one.state)
    assert one.progress.curve == other.progress.curve


def test_tasks_learned_elsewhere_lead_to_the_same_tensors(tmp_path: Path) -> None:
    """Whoever learns them, and in whatever order they come home, the checkpoint is the same."""
    with meta_workers() as learner:
        assert make(tmp_path, "learner", learner).status == "ok"
    assert_same(read_checkpoint(tmp_path / "one.safetensors"), unbroken(tmp_path, "learner"))


def test_a_resumed_stage_ends_with_the_same_tensors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Broken off again and again in the middle of a meta-epoch, it leaves the same bits."""
    monkeypatch.setattr(stage, "SAVE_EVERY_S", 0.0)
    left = 0

    def tire() -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise MetaTaskFailedError(Outcome(status="interrupted"))

    trial, job = planned(tmp_path / "one.safetensors", "learner", BUDGET)
    breaks = 0
    with meta_workers(before=tire) as learner:
        while not job.checkpoint.exists():
            left = 4  # of three a meta-epoch
            breaks += _stage_in_place(job, learner, trial.device).status != "ok"
    assert breaks >= 2
    assert_same(read_checkpoint(job.checkpoint), unbroken(tmp_path, "learner"))


def _stage_in_place(job: PretrainingJob, learner: MetaWorkers, device: DeviceIdentity) -> Outcome:
    """Run a stage in this process, whose tasks a thread has learned."""
    ours, theirs = Pipe()

    def teach() -> None:
        try:
            serve(ours, learner, job, device, print)
        except MetaTaskFailedError:
            return

    teacher = threading.Thread(target=teach)
    teacher.start()
    group = RemoteClient(0, 1, asking=theirs)
    outcome = stage.run_pretraining(load_plugins(), job, lambda _: None, group)
    group.close()
    teacher.join()
    return outcome


def test_a_method_that_fails_elsewhere_is_an_outcome(tmp_path: Path) -> None:
    """The error is the method's own, and the log here has what was printed there."""
    with meta_workers() as learner:
        outcome = make(tmp_path, "learner[offline=raise]", learner)
    expected = TrialError(type="ValueError", message="an offline mistake", stage="pretraining")
    assert (outcome.status, outcome.error) == ("error", expected)
    assert "an offline mistake" in (tmp_path / "one.log").read_text(encoding="utf-8")
    assert not (tmp_path / "one.safetensors").exists()


def test_what_is_wrong_elsewhere_ends_the_run(tmp_path: Path) -> None:
    """An error for a person comes through, and no process is left waiting."""

    def refuse() -> None:
        raise UsageError("install the same code on both")

    with (
        meta_workers(before=refuse) as learner,
        pytest.raises(UsageError, match="install the same"),
    ):
        make(tmp_path, "learner", learner)


def test_a_method_without_pretraining_asks_for_nothing(tmp_path: Path) -> None:
    """It ends well at once, and leaves no checkpoint."""
    with meta_workers() as learner:
        assert make(tmp_path, "toy", learner).status == "ok"
        assert learner.meta_worker is None
    assert not (tmp_path / "one.safetensors").exists()


def test_boards_learn_nothing(tmp_path: Path) -> None:
    """For a board that only workers are, pretraining is done here: it has not the memory."""
    plugins, cache = load_plugins(), tmp_path / "cache"
    planner = Planner(plugins, DataRequest(None, cache, print), lambda *_: "measured")
    entry = SuiteEntry(methods=["learner"], datasets=["dots"], devices=["jetson"], budget=BUDGET)
    (trial,) = planner.trials([entry])
    pretraining = CheckpointStore(plugins, None, cache).identify(trial)
    assert pretraining is not None
    with meta_workers() as learner:
        maker = PretrainingLauncher(plugins, None, cache, ProcessLauncher(), 1, learner)
        outcome = maker.make(pretraining, trial, tmp_path / "one.safetensors", Silent())
        assert outcome.status == "ok"
        assert learner.meta_worker is None


def test_lessons_end_with_the_process_that_asked_for_them(tmp_path: Path) -> None:
    """When it has died, who learns for it is told that nobody waits."""
    trial, job = planned(tmp_path / "one.safetensors", "learner", BUDGET)
    ours, theirs = Pipe()
    seen = []

    class Watching:
        def learn(self, *arguments: Any) -> Generator[MetaTaskResult, None, None]:
            is_wanted = arguments[3]
            seen.append(is_wanted())
            theirs.close()
            seen.append(is_wanted())
            yield from ()

    theirs.send(MetaTaskRequest(0, [0], b""))
    serve(ours, Watching(), job, trial.device, print)
    assert seen == [True, False]
