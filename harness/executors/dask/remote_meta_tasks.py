"""Has the tasks of a pretraining learned by the workers of a scheduler."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from typing import Any

from harness.contracts import StepMetrics
from harness.executors.dask.errors import FleetError
from harness.executors.dask.link import Link
from harness.executors.dask.messages import LessonAnswer
from harness.executors.dask.meta_task import learn
from harness.executors.dask.protocol import Orders
from harness.executors.dask.task_queue import Answered, Errand, Errands, GivenUp, News
from harness.experiment.trial import DeviceIdentity
from harness.pretraining.meta_task_request import Learned, LessonFailedError, Lessons
from harness.results.record import Outcome, TrialError
from harness.runtime.arrays import NoTensorsError, unpack
from harness.runtime.job import LessonsJob, PretrainingJob

__all__ = ["Teaching"]

Form = dict[str, tuple[str, tuple[int, ...]]]  # types and shapes by name


class Teaching:
    """Workers that learn tasks of pretrainings (a `TaskLearner`), of one after another."""

    def __init__(self, link: Link, orders: Orders) -> None:
        """Use the workers that `link` leads to; `orders` writes what they are told."""
        self._link, self._orders = link, orders
        self._errands: Errands | None = None
        self._forms: dict[str, Form] = {}  # of what tasks lead to, by pretraining

    def learn(
        self,
        job: PretrainingJob,
        device: DeviceIdentity,
        lessons: Lessons,
        is_wanted: Callable[[], bool],
        say: Callable[[str], None],
    ) -> Generator[Learned, None, None]:
        """Have tasks learned (see `TaskLearner`).

        Raises:
            LessonFailedError: the method has failed, or four workers were lost over one task.
            FleetError: a worker refuses, or the scheduler is gone for good.
        """
        if self._errands is None:
            self._errands = Errands(self._link, self._orders.run, say)
        lesson = job.lessons(device)
        tasks = self._add(self._errands, lesson, lessons)
        try:
            while self._errands and is_wanted():
                self._errands.hand_out()
                news = self._errands.next()
                if news is None:
                    continue
                learned = self._taken(self._errands, news, tasks[news.name], lesson)
                if learned is not None:
                    yield learned
        finally:
            self._errands.drop()

    def _add(self, errands: Errands, job: LessonsJob, lessons: Lessons) -> dict[str, int]:
        """Have the tasks handed out; return their numbers by the names of their errands."""
        key, meta_epoch = job.pretraining.key[:16], lessons.meta_epoch
        tasks = {f"{key}-{meta_epoch}-{task}": task for task in lessons.tasks}
        for name, task in tasks.items():
            order = self._orders.write_lesson(job, meta_epoch, task)
            errands.add(Errand(name, job.device.name, learn, (order, lessons.state)))
        return tasks

    def _taken(self, errands: Errands, news: News, task: int, job: LessonsJob) -> Learned | None:
        """Return what came home of a task; None where nothing has yet."""
        if isinstance(news, GivenUp):
            raise LessonFailedError(_lost(f"task {task + 1} of a meta-epoch: {news.reason}"))
        if not isinstance(news, Answered):
            return None
        answer, content = self._orders.read_lesson(news.result, job)
        if answer.kind == "refusal":
            raise FleetError(
                f"worker {answer.worker} cannot learn for {job.pretraining}: {answer.reason}"
            )
        if answer.outcome is not None:
            raise LessonFailedError(answer.outcome, answer.log)
        if answer.kind == "abandoned":  # it thought that nobody was waiting
            errands.again(news.name)
            return None
        self._check(content, answer.worker, job)
        errands.end(news.name)
        return Learned(task, content, _metrics(answer))

    def _check(self, content: bytes, worker: str, job: LessonsJob) -> None:
        """Refuse what is no tensors, or others than the tasks before have led to."""
        what = f"what worker {worker} has sent back for {job.pretraining}"
        try:
            form = _form(unpack(content))
        except NoTensorsError as error:
            raise FleetError(f"{what} cannot be used: {error}") from None
        known = self._forms.setdefault(job.pretraining.key, form)
        for name in sorted(known.keys() | form.keys()):
            if known.get(name) != form.get(name):
                raise FleetError(
                    f"{what} has '{name}' as {_said(form.get(name))}, while another task led to "
                    f"{_said(known.get(name))}; start the run again"
                )


def _form(arrays: dict[str, Any]) -> Form:
    return {name: (str(array.dtype), array.shape) for name, array in arrays.items()}


def _metrics(answer: LessonAnswer) -> StepMetrics:
    loss, accuracy = (
        math.nan if value is None else value for value in (answer.loss, answer.accuracy)
    )
    return StepMetrics(loss=loss, accuracy=accuracy)


def _said(of: tuple[str, tuple[int, ...]] | None) -> str:
    return "nothing" if of is None else f"{of[0]} {of[1]}"


def _lost(reason: str) -> Outcome:
    """Return the outcome of a pretraining for which workers were lost; it can be tried again."""
    error = TrialError(type="WorkerLost", message=reason, stage="pretraining")
    return Outcome(status="interrupted", error=error)
