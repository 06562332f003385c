"""`--executor dask`: runs trials and meta-tasks on the workers of a Dask scheduler."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from harness.contracts import Device, DeviceMode, StepMetrics
from harness.executors.base import (
    ExecutorEvent,
    TrialFinished,
    TrialLost,
    TrialStarted,
    TrialStepped,
)
from harness.executors.dask.connection import FleetError, SchedulerConnection, mode_on_workers
from harness.executors.dask.protocol import LearnReply, RunProtocol
from harness.executors.dask.task_queue import (
    QueuedTask,
    QueueEvent,
    TaskEvent,
    TaskLost,
    TaskQueue,
    TaskReturned,
)
from harness.executors.dask.worker import learn, perform
from harness.experiment.outcome import Outcome, TrialError
from harness.experiment.trial import DeviceIdentity, Trial
from harness.plugins.loading import Plugins
from harness.plugins.selection import Selection
from harness.pretraining.checkpoint import NoTensorsError, unpack
from harness.runtime.job import MetaWorkerJob, PretrainingJob, TrialJob
from harness.runtime.meta_tasks import (
    MetaTaskExecutor,
    MetaTaskFailedError,
    MetaTaskRequest,
    MetaTaskResult,
)

__all__ = ["DaskExecutor", "DaskMetaTaskExecutor", "Dispatcher", "connected"]

# A run whose connection was cut has this long to come back, before its trials are stopped.
PATIENCE_S = 15.0


class DaskExecutor:
    """Runs trials on workers on other machines (an `Executor`)."""

    same_machine = False
    jobs = 1  # of this machine, which does no more than a part of a pretraining

    def __init__(self, plugins: Plugins, connection: SchedulerConnection) -> None:
        """Use the workers that `connection` leads to."""
        self._plugins, self._connection = plugins, connection
        protocol = RunProtocol(plugins, patience_s=PATIENCE_S)
        self.meta_tasks: MetaTaskExecutor = DaskMetaTaskExecutor(connection, protocol)

    def mode_of(
        self, selection: Selection, device: Device, wanted: DeviceMode | None
    ) -> DeviceMode:
        """Say what a device is on the workers that offer it; whichever runs it checks that."""
        return wanted or mode_on_workers(self._connection, selection, device)

    def run(
        self,
        jobs: Iterable[TrialJob],
        log_of: Callable[[Trial], Path],  # noqa: ARG002 - logs come back with their trials
        say: Callable[[str], None],
    ) -> Generator[ExecutorEvent, None, None]:
        """Run the jobs (see `Executor`)."""
        protocol = RunProtocol(self._plugins, patience_s=PATIENCE_S)
        with closing(Dispatcher(self._connection, protocol, say).run(jobs)) as events:
            yield from events


@contextmanager
def connected(address: str, plugins: Plugins) -> Iterator[DaskExecutor]:
    """Connect to a scheduler, yield the executor of its workers, and disconnect at the end.

    Raises:
        HarnessError: see `SchedulerConnection.to`.
    """
    connection = SchedulerConnection.to(address)
    try:
        yield DaskExecutor(plugins, connection)
    finally:
        connection.close()


class Dispatcher:
    """One run's trials on the workers of one scheduler; used once, in one thread."""

    def __init__(
        self, connection: SchedulerConnection, protocol: RunProtocol, say: Callable[[str], None]
    ) -> None:
        """Prepare; no trial is handed out yet.

        Args:
            connection: to the scheduler.
            protocol: writes the requests.
            say: reports a sentence to the person.
        """
        self._protocol = protocol
        self._queue = TaskQueue(connection, protocol.run, say)
        self._jobs: dict[str, TrialJob] = {}  # by the trials' keys, which name their tasks

    def run(self, jobs: Iterable[TrialJob]) -> Generator[ExecutorEvent, None, None]:
        """Run every job once, and yield what happens.

        Raises:
            FleetError: a worker refuses, or the scheduler is gone for good.
        """
        try:
            for job in jobs:
                self._add(job)
            yield from self._hand_out()
            while self._queue:
                news = self._queue.next()
                event = None if news is None else self._event(news)
                # First the next trial, then what is to be written of the last one.
                yield from self._hand_out()
                if event is not None:
                    yield event
        finally:
            self._queue.drop()

    def _add(self, job: TrialJob) -> None:
        key, device = job.trial.key, job.trial.device.name
        self._jobs[key] = job
        self._queue.add(QueuedTask(key, device, perform, (self._protocol.write(job), None)))

    def _hand_out(self) -> Generator[ExecutorEvent, None, None]:
        for key in self._queue.hand_out():
            yield TrialStarted(self._jobs[key].trial)

    def _event(self, news: QueueEvent) -> ExecutorEvent | None:
        job = self._jobs[news.name]
        if isinstance(news, TaskEvent):
            return TrialStepped(job.trial, news.event)
        if isinstance(news, TaskLost):
            return TrialLost(job.trial, news.reason)
        return self._answered(job, news.result)

    def _answered(self, job: TrialJob, answer_json: str) -> ExecutorEvent | None:
        key, answer = job.trial.key, self._protocol.read(answer_json, job)
        if answer.kind == "refusal":
            raise FleetError(f"worker {answer.worker} cannot run {job.trial}: {answer.reason}")
        if answer.kind == "wants_checkpoint" and job.checkpoint is not None:
            self._queue.again(key, self._protocol.write(job), job.checkpoint.read_bytes())
            return None
        if answer.delivery is None:  # the worker gave up, as nobody seemed to be waiting
            self._queue.again(key)
            return None
        self._queue.end(key)
        return TrialFinished(job.trial, answer.delivery)


Form = dict[str, tuple[str, tuple[int, ...]]]  # types and shapes by name


class DaskMetaTaskExecutor:
    """Has workers learn tasks of one pretraining after another (a `MetaTaskExecutor`)."""

    def __init__(self, connection: SchedulerConnection, protocol: RunProtocol) -> None:
        """Use the workers that `connection` leads to; `protocol` writes their messages."""
        self._connection, self._protocol = connection, protocol
        self._queue: TaskQueue | None = None
        self._forms: dict[str, Form] = {}  # of what tasks lead to, by pretraining

    def learn(
        self,
        job: PretrainingJob,
        device: DeviceIdentity,
        request: MetaTaskRequest,
        is_wanted: Callable[[], bool],
        say: Callable[[str], None],
    ) -> Generator[MetaTaskResult, None, None]:
        """Have tasks learned (see `MetaTaskExecutor`).

        Raises:
            MetaTaskFailedError: the method has failed, or four workers were lost over one task.
            FleetError: a worker refuses, or the scheduler is gone for good.
        """
        if self._queue is None:
            self._queue = TaskQueue(self._connection, self._protocol.run, say)
        worker_job = job.meta_worker_job(device)
        tasks = self._add(self._queue, worker_job, request)
        try:
            while self._queue and is_wanted():
                self._queue.hand_out()
                news = self._queue.next()
                if news is None:
                    continue
                learned = self._taken(self._queue, news, tasks[news.name], worker_job)
                if learned is not None:
                    yield learned
        finally:
            self._queue.drop()

    def _add(
        self, queue: TaskQueue, job: MetaWorkerJob, request: MetaTaskRequest
    ) -> dict[str, int]:
        """Have the tasks handed out; return their numbers by the names of their tasks."""
        key, meta_epoch = job.pretraining.key[:16], request.meta_epoch
        tasks = {f"{key}-{meta_epoch}-{task}": task for task in request.tasks}
        for name, task in tasks.items():
            order = self._protocol.write_meta_task(job, meta_epoch, task)
            queue.add(QueuedTask(name, job.device.name, learn, (order, request.state)))
        return tasks

    def _taken(
        self, queue: TaskQueue, news: QueueEvent, task: int, job: MetaWorkerJob
    ) -> MetaTaskResult | None:
        """Return the result of a task; None if it has none yet."""
        if isinstance(news, TaskLost):
            raise MetaTaskFailedError(_lost(f"task {task + 1} of a meta-epoch: {news.reason}"))
        if not isinstance(news, TaskReturned):
            return None
        answer, content = self._protocol.read_meta_task(news.result, job)
        if answer.kind == "refusal":
            raise FleetError(
                f"worker {answer.worker} cannot learn for {job.pretraining}: {answer.reason}"
            )
        if answer.outcome is not None:
            raise MetaTaskFailedError(answer.outcome, answer.log)
        if answer.kind == "abandoned":  # the worker gave up, as nobody seemed to be waiting
            queue.again(news.name)
            return None
        self._check(content, answer.worker, job)
        queue.end(news.name)
        return MetaTaskResult(task, content, _metrics(answer))

    def _check(self, content: bytes, worker: str, job: MetaWorkerJob) -> None:
        """Refuse bytes that are not tensors, or tensors unlike those of earlier tasks."""
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


def _metrics(answer: LearnReply) -> StepMetrics:
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
