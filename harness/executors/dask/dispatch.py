"""Hands trials to workers and takes what comes back, each once."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable

from harness.executors.base import Delivered, Handed, Happening, Lost, Stepped
from harness.executors.dask.errors import FleetError
from harness.executors.dask.link import Link
from harness.executors.dask.protocol import Orders
from harness.executors.dask.task_queue import Errand, Errands, GivenUp, News, Told
from harness.executors.dask.worker import perform
from harness.runtime.job import TrialJob

__all__ = ["Dispatcher"]


class Dispatcher:
    """One run's trials on the workers of one scheduler; used once, in one thread."""

    def __init__(self, link: Link, orders: Orders, say: Callable[[str], None]) -> None:
        """Hand out nothing yet.

        Args:
            link: to the scheduler.
            orders: writes out what a job's worker is told.
            say: is told what is worth a line.
        """
        self._orders = orders
        self._errands = Errands(link, orders.run, say)
        self._jobs: dict[str, TrialJob] = {}  # by the names of their errands, the trials' keys

    def run(self, jobs: Iterable[TrialJob]) -> Generator[Happening, None, None]:
        """Run every job once, and tell what happens.

        Raises:
            FleetError: a worker refuses, or the scheduler is gone for good.
        """
        try:
            for job in jobs:
                self._add(job)
            yield from self._hand_out()
            while self._errands:
                news = self._errands.next()
                happening = None if news is None else self._happening(news)
                # First the next trial, then what is to be written of the last one.
                yield from self._hand_out()
                if happening is not None:
                    yield happening
        finally:
            self._errands.drop()

    def _add(self, job: TrialJob) -> None:
        key, device = job.trial.key, job.trial.device.name
        self._jobs[key] = job
        self._errands.add(Errand(key, device, perform, (self._orders.write(job), None)))

    def _hand_out(self) -> Generator[Happening, None, None]:
        for key in self._errands.hand_out():
            yield Handed(self._jobs[key].trial)

    def _happening(self, news: News) -> Happening | None:
        job = self._jobs[news.name]
        if isinstance(news, Told):
            return Stepped(job.trial, news.event)
        if isinstance(news, GivenUp):
            return Lost(job.trial, news.reason)
        return self._answered(job, news.result)

    def _answered(self, job: TrialJob, answer_json: str) -> Happening | None:
        key, answer = job.trial.key, self._orders.read(answer_json, job)
        if answer.kind == "refusal":
            raise FleetError(f"worker {answer.worker} cannot run {job.trial}: {answer.reason}")
        if answer.kind == "wants_checkpoint" and job.checkpoint is not None:
            self._errands.again(key, self._orders.write(job), job.checkpoint.read_bytes())
            return None
        if answer.delivery is None:  # it thought that nobody was waiting
            self._errands.again(key)
            return None
        self._errands.end(key)
        return Delivered(job.trial, answer.delivery)
