"""A worker's machine is at one thing at a time, and keeps the process that learns tasks."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from harness.executors.dask.machine import Machine, guarded
from harness.executors.dask.meta_worker import Pupil
from harness.experiment.pretraining import pretraining_of
from harness.pretraining.meta_task_request import LessonFailedError, Lessons
from harness.runtime.arrays import pack, unpack
from harness.runtime.job import LessonsJob, TrialJob

Planned = Callable[..., list[TrialJob]]

BUDGET = "search_steps=1,tasks=1,meta_epochs=1,warmup_epochs=0,meta_steps=1,meta_shots=1"


@pytest.fixture
def machine() -> Iterator[Machine]:
    """A machine that is at nothing in the end."""
    made = Machine()
    yield made
    made.dismiss()


def lessons_job(planned: Planned, offline: str = "well") -> LessonsJob:
    """The job to learn for the pretraining of the toy."""
    (job,) = planned(1, methods=[f"learner[offline={offline}]"], budget=BUDGET)
    pretraining = pretraining_of(job.trial, {"offline": offline})
    assert pretraining is not None
    return LessonsJob(
        pretraining=pretraining,
        params=job.trial.method.params,
        device=job.trial.device,
        data_root=None,
        cache_root=job.cache_root,
    )


def lesson(task: int = 0) -> Lessons:
    """A task, from weights that are all zero."""
    state = {"weight": np.zeros((5, 64), np.float32), "bias": np.zeros(5, np.float32)}
    return Lessons(0, [task], pack(state))


def test_the_next_task_meets_the_same_process(planned: Planned, machine: Machine) -> None:
    """One that learns for the same pretraining is kept, and a task leaves nothing behind in it."""
    job = lessons_job(planned)
    pupils, learned = [], []
    for task in (0, 1, 0):
        pupils.append(machine.pupil("run", job, threading.Event()))
        learned.append(pupils[-1].learn(lesson(task)))
    assert pupils[0] is pupils[1] is pupils[2]
    assert learned[0] == learned[2] != learned[1]
    assert unpack(learned[0].parameters)["weight"].shape == (5, 64)


def test_another_run_gets_another_process(planned: Planned, machine: Machine) -> None:
    """The code may be another one by then; the process of the run before ends."""
    job = lessons_job(planned)
    before = machine.pupil("run", job, threading.Event())
    before.learn(lesson())
    after = machine.pupil("another", job, threading.Event())
    assert after is not before
    assert not before.serves("run", job)


def test_a_process_that_failed_is_not_used_again(planned: Planned, machine: Machine) -> None:
    """A method's mistake ends it; its outcome and what it printed are told."""
    job = lessons_job(planned, "raise")
    pupil = machine.pupil("run", job, threading.Event())
    with pytest.raises(LessonFailedError, match="an offline mistake") as failure:
        pupil.learn(lesson())
    assert "Traceback" in failure.value.log
    assert not pupil.serves("run", job)


def test_nobody_waiting_ends_the_process(planned: Planned, machine: Machine) -> None:
    """When the signal of a task goes up, the task is abandoned in the middle."""
    job, stopping = lessons_job(planned, "hang"), threading.Event()
    pupil = machine.pupil("run", job, stopping)
    threading.Timer(1.0, stopping.set).start()
    with pytest.raises(KeyboardInterrupt):
        pupil.learn(lesson())
    assert not pupil.serves("run", job)


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
    pupil = Pupil("run", lessons_job(planned))
    pupil.close()
    assert not pupil.serves("run", lessons_job(planned))
