"""Processes that pretrain together: the same result as one, and no orphan when one of them ends."""

from __future__ import annotations

import threading
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

import pytest

from harness.contracts import DataRequest
from harness.experiment.outcome import Outcome
from harness.experiment.suite import SuiteEntry
from harness.planning.planner import Planner
from harness.plugins.loading import load_plugins
from harness.pretraining.checkpoint import read_checkpoint
from harness.pretraining.launcher import PretrainingLauncher
from harness.pretraining.store import CheckpointStore
from harness.runtime.process import ProcessLauncher
from harness.runtime.process_group import ALONE, ProcessGroup, ProcessGroupError

BUDGET = (
    "quick,search_steps=1,tasks=1,meta_epochs=2,warmup_epochs=1,meta_tasks=3,meta_steps=2,"
    "meta_shots=2,channels=4"
)


class Silent:
    """Listens to pretraining and remembers the meta-epochs that were told of."""

    def __init__(self) -> None:
        self.told: list[int] = []

    def pretraining_started(self, pretraining: Any, done: int) -> None:
        self.told.append(done)

    def pretraining_progressed(self, pretraining: Any, event: dict[str, Any]) -> None:
        self.told.append(event["meta_epoch"])

    def said(self, sentence: str) -> None:
        raise AssertionError(sentence)


def make(method: str, dataset: str, size: int, path: Path) -> tuple[Outcome, Silent]:
    """Make a checkpoint in a team of `size` processes."""
    plugins, cache, listener = load_plugins(), path.parent / "cache", Silent()
    entry = SuiteEntry(methods=[method], datasets=[dataset], budget=BUDGET)
    (trial,) = Planner(plugins, DataRequest(None, cache, print)).trials([entry])
    pretraining = CheckpointStore(plugins, None, cache).identify(trial)
    assert pretraining is not None
    maker = PretrainingLauncher(plugins, None, cache, ProcessLauncher(), size)
    return maker.make(pretraining, trial, path, listener), listener


@pytest.mark.usefixtures("toy_plugin")
@pytest.mark.parametrize(
    ("method", "dataset"),
    [("learner", "dots"), pytest.param("onnas", "dots", marks=pytest.mark.slow)],
)
def test_a_team_leaves_what_one_process_leaves(tmp_path: Path, method: str, dataset: str) -> None:
    """Two processes that share three tasks a meta-epoch leave the same tensors and curve as one."""
    files, curves = [], []
    for size in (1, 2):
        path = tmp_path / f"{size}.safetensors"
        outcome, listener = make(method, dataset, size, path)
        assert outcome.status == "ok"
        assert listener.told == [0, 1, 2]
        files.append(tensors(path))
        curves.append(read_checkpoint(path).progress.curve)
    assert files[0] == files[1]
    assert curves[0] == curves[1]


@pytest.mark.usefixtures("toy_plugin")
def test_a_failure_in_one_process_is_that_of_the_team(tmp_path: Path) -> None:
    """What is told is the error that happened, not that another process was missed."""
    outcome, _ = make("learner[offline=nan]", "dots", 2, tmp_path / "one.safetensors")
    assert outcome.status == "error"
    assert outcome.error is not None
    assert outcome.error.type == "NotFiniteError"


def tensors(path: Path) -> dict[str, bytes]:
    """The tensors of a checkpoint as bytes, by name."""
    return {name: array.tobytes() for name, array in read_checkpoint(path).state.items()}


def test_all_values_reach_every_process() -> None:
    """Gathering gives leader and followers the values of all, in the order of their tasks."""
    ours, theirs = Pipe()
    leader, other = ProcessGroup(0, 2, [ours]), ProcessGroup(1, 2, [theirs])
    seen: dict[str, dict[int, str]] = {}
    thread = threading.Thread(target=lambda: seen.update(other=other.all_gather({0: "a", 2: "c"})))
    thread.start()
    seen["leader"] = leader.all_gather({1: "b"})
    thread.join()
    assert seen["leader"] == seen["other"] == {0: "a", 1: "b", 2: "c"}
    assert list(seen["leader"]) == [0, 1, 2]
    leader.close()
    other.close()


def test_every_task_has_one_learner() -> None:
    """The shares of a team are disjoint, and together they are all tasks."""
    for size in (1, 2, 3):
        shares = [ProcessGroup(rank, size).shard(range(7)) for rank in range(size)]
        assert sorted(task for share in shares for task in share) == list(range(7))
        assert len(shares[0]) == min(map(len, shares))


def test_a_lost_process_is_noticed() -> None:
    """When another process ends, the wait for it ends too."""
    ours, theirs = Pipe()
    theirs.close()
    with pytest.raises(ProcessGroupError):
        ProcessGroup(0, 2, [ours]).all_gather({})
    with pytest.raises(ProcessGroupError):
        ProcessGroup(1, 2, [ours]).broadcast(None)
    ours.close()


def test_alone_nothing_is_exchanged() -> None:
    """A process without a team keeps its values."""
    assert ALONE.all_gather({0: "a"}) == {0: "a"}
    assert ALONE.broadcast(3) == 3
