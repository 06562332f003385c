"""A worker's machine is at one thing at a time, and keeps the process that learns tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from harness.executors.dask.meta_worker import MetaWorker, WorkerMachine, guarded
from harness.experiment.pretraining import pretraining_of
from harness.pretraining.checkpoint import pack, unpack
from harness.runtime.job import MetaWorkerJob, TrialJob
from harness.runtime.meta_tasks import MetaTaskFailedError, MetaTaskRequest

Planned = Callable[..., list[TrialJob]]

BUDGET = "search_steps=1,tasks=1,meta_epochs=1,warmup_epochs=0,meta_steps=1,meta_shots=1"


@pytest.fixture
def machine() -> Iterator[WorkerMachine]:
    """A machine that is at nothing in the end."""
    made = WorkerMachine()
    yield made
    made.dismiss()


def meta_worker_job(planned: Planned, offline: str = "well") -> MetaWorkerJob:
    """The job to learn for the pretraining of the toy."""
    (job,) = planned(1, methods=[f"learner[offline={offline}]"], budget=BUDGET)
    pretraining = pretraining_of(job.trial, {"offline": offline})
    assert pretraining is not None
    return MetaWorkerJob(
        pretraining=pretraining,
        params=job.trial.method.params,
        device=job.trial.device,
        data_root=None,
        cache_root=job.cache_root,
    )


def lesson(task: int = 0) -> MetaTaskRequest:
    """A task, from weights that are all zero."""
    state = {"weight": np.zeros((5, 64), np.float32), "bias": np.zeros(5, np.float32)}
    return MetaTaskRequest(0, [task], pack(state))


def test_the_next_task_meets_the_same_process(planned: Planned, machine: WorkerMachine) -> None:
    """One that learns for the same pretraining is kept, and a task leaves nothing behind in it."""
    job = meta_worker_job(planned)
    meta_workers, learned = [], []
    for task in (0, 1, 0):
        meta_workers.append(machine.meta_worker("run", job, threading.Event()))
        learned.append(meta_workers[-1].learn(lesson(task)))
    assert meta_workers[0] is meta_workers[1] is meta_workers[2]
    assert learned[0] == learned[2] != learned[1]
    assert unpack(learned[0].parameters)["weight"].shape == (5, 64)


def test_another_run_gets_another_process(planned: Planned, machine: WorkerMachine) -> None:
    """The code may be another one by then; the process of the run before ends."""
    job = meta_worker_job(planned)
    before = machine.meta_worker("run", job, threading.Event())
    before.learn(lesson())
    after = machine.meta_worker("another", job, threading.Event())
    assert after is not before
    assert not before.serves("run", job)


def test_a_process_that_failed_is_not_used_again(planned: Planned, machine: WorkerMachine) -> None:
    """A method's mistake ends it; its outcome and what it printed are told."""
    job = meta_worker_job(planned, "raise")
    meta_worker = machine.meta_worker("run", job, threading.Event())
    with pytest.raises(MetaTaskFailedError, match="an offline mistake") as failure:
        meta_worker.learn(lesson())
    assert "Traceback" in failure.value.log
    assert not meta_worker.serves("run", job)


def test_nobody_waiting_ends_the_process(planned: Planned, machine: WorkerMachine) -> None:
    """When the signal of a task goes up, the task is abandoned in the middle."""
    job, stopping = meta_worker_job(planned, "hang"), threading.Event()
    meta_worker = machine.meta_worker("run", job, stopping)
    threading.Timer(1.0, stopping.set).start()
    with pytest.raises(KeyboardInterrupt):
        meta_worker.learn(lesson())
    assert not meta_worker.serves("run", job)


def test_what_a_worker_cannot_do_is_told() -> None:
    """Being stopped is no refusal, and whatever else is raised is one."""

    def abandon() -> str:
        raise KeyboardInterrupt

    def lack_space() -> str:
        raise OSError(28, "No space left on device")

    assert guarded(lambda: "done", lambda *told: str(told)) == "done"
    assert guarded(abandon, lambda *told: str(told)) == "('abandoned', '')"
    assert "No space left" in guarded(lack_space, lambda *told: str(told))


def test_a_pupil_that_never_learned_closes(planned: Planned) -> None:
    """It ends well, and soon."""
    meta_worker = MetaWorker("run", meta_worker_job(planned))
    meta_worker.close()
    assert not meta_worker.serves("run", meta_worker_job(planned))
