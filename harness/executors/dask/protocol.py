"""Writes out orders for workers, and reads their answers: nothing unchecked comes into a record."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from harness.executors.dask.code_version import code_of
from harness.executors.dask.errors import FleetError
from harness.executors.dask.messages import Answer, LessonAnswer, LessonOrder, Order
from harness.plugins.loading import Plugins
from harness.runtime.job import LessonsJob, TrialJob

__all__ = ["Orders"]

M = TypeVar("M", bound=BaseModel)


@dataclass
class Orders:
    """The orders of one run.

    Attributes:
        same_machine: the workers are on this machine and use its folders.
        patience_s: how long a worker goes on while nobody waits for its result.
        notes: what is added to the environment that records describe.
        run: a name that no other run has.
    """

    plugins: Plugins
    same_machine: bool
    patience_s: float
    notes: Mapping[str, Any] = field(default_factory=dict)
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    _code: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def write(self, job: TrialJob) -> str:
        """Return the order for a job, as JSON."""
        return Order(
            run=self.run,
            code=self._code_for(job),
            job=job,
            same_machine=self.same_machine,
            patience_s=self.patience_s,
        ).model_dump_json()

    def write_lesson(self, job: LessonsJob, meta_epoch: int, task: int) -> str:
        """Return the order to learn a task of a meta-epoch, both from 0, as JSON."""
        return LessonOrder(
            run=self.run,
            code=self._code_for(job),
            job=job,
            patience_s=self.patience_s,
            meta_epoch=meta_epoch,
            task=task,
        ).model_dump_json()

    def read(self, answer_json: str, job: TrialJob) -> Answer:
        """Return the answer to a job's order.

        Raises:
            FleetError: it is none.
        """
        answer = _read(Answer, answer_json, str(job.trial))
        if answer.delivery is not None:
            answer.delivery.outcome.environment.update(self.notes)
        return answer

    def read_lesson(self, result: object, job: LessonsJob) -> tuple[LessonAnswer, bytes]:
        """Return the answer to the order of a lesson, and the bytes beside it, still unread.

        Raises:
            FleetError: it is none.
        """
        answer_json, content = ("", b"")
        if isinstance(result, tuple) and list(map(type, result)) == [str, bytes]:
            answer_json, content = result
        return _read(LessonAnswer, answer_json, str(job.pretraining)), content

    def _code_for(self, job: TrialJob | LessonsJob) -> dict[str, str]:
        names = (job.method_name, job.dataset.name)
        if names not in self._code:
            self._code[names] = code_of(self.plugins, *names)
        return self._code[names]


def _read(kind: type[M], answer_json: str, what: str) -> M:
    try:
        return kind.model_validate_json(answer_json)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise FleetError(
            f"what a worker has sent back for {what} is no record of this harness: "
            f"{where}: {first['msg']}"
        ) from None
