"""What travels between the run and its workers: JSON, checked at both ends."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.executors.base import Delivery
from harness.results.record import Outcome
from harness.runtime.job import LessonsJob, TrialJob

__all__ = ["Answer", "LessonAnswer", "LessonOrder", "Order"]


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Order(_Message):
    """A trial to be run by a worker.

    Attributes:
        run: of which run it is, so that workers look at their own code once a run.
        code: what the trial was planned with; see `harness.executors.dask.code_version`.
        same_machine: the job's folders are the worker's, too; otherwise it has folders of its own.
        patience_s: how long to go on where nobody waits for the result: the run may have lost its
            connection and come back.
    """

    run: str
    code: dict[str, str]
    job: TrialJob
    same_machine: bool
    patience_s: float


class Answer(_Message):
    """What a worker makes of an order.

    Attributes:
        kind: the trial's delivery; or a refusal, which `reason` explains; or the worker needs the
            checkpoint's bytes; or it stopped, as nobody seemed to wait for it.
        worker: who says so.
    """

    kind: Literal["delivery", "refusal", "wants_checkpoint", "abandoned"]
    worker: str
    reason: str = ""
    delivery: Delivery | None = None


class LessonOrder(_Message):
    """A task of a pretraining to be learned by a worker.

    Attributes:
        run: see `Order`.
        code: likewise.
        job: says which pretraining it is.
        patience_s: see `Order`.
        meta_epoch: which the task is of, from 0.
        task: its number in it, from 0.
    """

    run: str
    code: dict[str, str]
    job: LessonsJob
    patience_s: float
    meta_epoch: int = Field(ge=0)
    task: int = Field(ge=0)


class LessonAnswer(_Message):
    """What a worker makes of such an order; the tensors travel beside it.

    Attributes:
        kind: what came of it: it was learned, with this loss and accuracy (in percent, both of the
            last inner step, null if not finite); or the method has failed, as `outcome` and `log`
            tell; or as in `Answer`.
        worker: who says so.
    """

    kind: Literal["learned", "failed", "refusal", "abandoned"]
    worker: str
    reason: str = ""
    loss: float | None = None
    accuracy: float | None = None
    outcome: Outcome | None = None
    log: str = ""

    @model_validator(mode="after")
    def _says_what_has_failed(self) -> LessonAnswer:
        if self.kind == "failed" and (self.outcome is None or self.outcome.status == "ok"):
            raise ValueError("a failure without an outcome that is one")
        return self
