"""A pretraining that workers of a real scheduler learn: the same tensors, whatever happens."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("distributed", reason="needs the extra 'dask'")

from harness.contracts import DataRequest
from harness.executors.dask.connection import SchedulerConnection
from harness.executors.dask.executor import DaskExecutor
from harness.experiment.suite import SuiteEntry
from harness.experiment.trial import Trial
from harness.planning.planner import Planner
from harness.plugins.loading import load_plugins
from harness.pretraining.checkpoint import read_checkpoint
from harness.pretraining.pretrain import Pretrained, pretrain_all
from harness.pretraining.store import CheckpointStore
from harness.runtime.meta_tasks import MetaTaskExecutor

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.usefixtures("toy_plugin"),
    pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds workers' processes in /proc"),
    # Of sockets and loops that Dask leaves to the garbage collector when a client is closed.
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning"),
]

BUDGET = (
    "quick,search_steps=1,tasks=1,meta_epochs={},warmup_epochs=1,meta_tasks=4,meta_steps=2,"
    "meta_shots=2,channels=4"
)


class Listening:
    """Is told what happens, and calls `at_epoch` after each meta-epoch."""

    def __init__(self, at_epoch: Callable[[int], None] = lambda _: None) -> None:
        self.at_epoch = at_epoch
        self.sentences: list[str] = []

    def pretraining_started(self, pretraining: Any, done: int) -> None: ...

    def pretraining_progressed(self, pretraining: Any, event: dict[str, Any]) -> None:
        self.at_epoch(event["meta_epoch"])

    def said(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture(autouse=True)
def no_garbage() -> Iterator[None]:
    """Leave none of Dask's for other tests to be warned of, nor a thread that holds some."""
    before = others_threads()
    yield
    deadline = time.monotonic() + 10
    while others_threads() > before and time.monotonic() < deadline:
        time.sleep(0.1)
    gc.collect()


def others_threads() -> int:
    """How many threads there are, but for the one that Dask keeps for ever."""
    return sum(not each.name.startswith("Dask-Callback") for each in threading.enumerate())


def trials(folder: Path, methods: list[str], meta_epochs: int = 3) -> list[Trial]:
    """One trial a method, on random images."""
    entry = SuiteEntry(
        methods=methods, datasets=["dots"], devices=["cpu"], budget=BUDGET.format(meta_epochs)
    )
    return Planner(load_plugins(), DataRequest(None, folder, print)).trials([entry])


def pretrained(
    folder: Path,
    planned: list[Trial],
    learner: MetaTaskExecutor | None = None,
    listener: Listening | None = None,
) -> list[Pretrained]:
    """Pretrain, with the checkpoints in a cache of its own."""
    offline = CheckpointStore(load_plugins(), None, folder)
    return pretrain_all(offline, planned, listener or Listening(), meta_tasks=learner)


def tensors(result: Pretrained) -> dict[str, Any]:
    """What a finished pretraining has left, less what tells the time."""
    assert result.path is not None, result.error
    checkpoint = read_checkpoint(result.path)
    bits = {name: (str(of.dtype), of.shape, of.tobytes()) for name, of in checkpoint.state.items()}
    assert all(np.isfinite(of).all() for of in checkpoint.state.values())
    return {"curve": checkpoint.progress.curve, **bits}


def has_children(process: int) -> bool:
    """Whether a worker has begun with its task, which needs processes of its own."""
    try:
        threads = Path(f"/proc/{process}/task").glob("*/children")
        return any(thread.read_text(encoding="ascii").split() for thread in threads)
    except OSError:  # it has just ended
        return False


@contextmanager
def learner_at(port: int) -> Iterator[MetaTaskExecutor]:
    """What has tasks learned by the workers of the scheduler at a port."""
    link = SchedulerConnection.to(f"tcp://127.0.0.1:{port}")
    try:
        yield DaskExecutor(load_plugins(), link).meta_tasks
    finally:
        link.close()


def test_workers_leave_the_bits_of_a_process_that_works_alone(
    tmp_path: Path, cluster: Callable[[int], Any]
) -> None:
    """On-NAS and a stranger's method, spread over two workers; one that fails stops no other."""
    planned = trials(tmp_path, ["learner[offline=raise]", "onnas", "learner"])
    with cluster(2) as (port, _), learner_at(port) as learner:
        failed, *spread = pretrained(tmp_path / "spread", planned, learner)
    assert failed.error == "an offline mistake"
    logs = [log.read_text(encoding="utf-8") for log in (tmp_path / "spread").rglob("*.log")]
    assert sum("ValueError: an offline mistake" in log for log in logs) == 1
    alone = pretrained(tmp_path / "alone", planned[1:])
    assert list(map(tensors, spread)) == list(map(tensors, alone))


def test_what_happens_between_machines_costs_only_time(
    tmp_path: Path,
    cluster: Callable[[int], Any],
    workers_of: Callable[[int], list[int]],
    cuttable: Callable[[int], Any],
) -> None:
    """Two workers killed at their tasks, the connection cut: the bits are the same."""
    planned = trials(tmp_path, ["learner[offline=slow]"], meta_epochs=8)
    killed: list[int] = []
    with cluster(3) as (port, nannies):
        way = cuttable(port)
        while len(workers_of(nannies)) < 3:
            time.sleep(0.1)

        def kill() -> None:
            killed.append(workers_of(nannies)[0])
            os.kill(killed[-1], signal.SIGKILL)

        def disturb(done: int) -> None:
            accident = {2: kill, 4: way.cut, 6: kill}.get(done)
            if accident:  # by then tasks of the next meta-epoch are under way
                threading.Timer(0.15, accident).start()

        with learner_at(way.port) as learner:
            listener = Listening(disturb)
            (spread,) = pretrained(tmp_path / "spread", planned, learner, listener)
    assert len(set(killed)) == 2
    assert any("was cut; it is made again" in sentence for sentence in listener.sentences)
    (alone,) = pretrained(tmp_path / "alone", planned)
    assert tensors(spread) == tensors(alone)


def test_a_task_that_four_workers_die_of_is_given_up(
    tmp_path: Path, cluster: Callable[[int], Any], workers_of: Callable[[int], list[int]]
) -> None:
    """The pretraining ends in a sentence, and can be tried once more."""
    planned = trials(tmp_path, ["learner[offline=hang]"])
    ended = threading.Event()
    with cluster(1) as (port, nannies), learner_at(port) as learner:

        def kill() -> None:
            while not ended.wait(0.5):
                for worker in filter(has_children, workers_of(nannies)):
                    os.kill(worker, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        (result,) = pretrained(tmp_path / "spread", planned, learner)
        ended.set()
        killer.join()
    assert result.error is not None
    assert result.error.endswith("4 workers were lost while they ran it")
