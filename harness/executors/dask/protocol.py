"""What travels between a run and its workers: JSON, checked at both ends before it is used."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.executors.base import TrialDelivery
from harness.executors.dask.checks import code_of
from harness.executors.dask.connection import FleetError
from harness.experiment.outcome import Outcome
from harness.plugins.loading import Plugins
from harness.runtime.job import MetaWorkerJob, TrialJob

__all__ = ["LearnReply", "LearnRequest", "RunProtocol", "TrialReply", "TrialRequest"]

M = TypeVar("M", bound=BaseModel)


@dataclass
class RunProtocol:
    """Writes the requests of one run, and reads the replies.

    Attributes:
        patience_s: how long a worker goes on while nobody waits for its result.
        run: a name that no other run has.
    """

    plugins: Plugins
    patience_s: float
    run: str = field(default_factory=lambda: secrets.token_hex(8))
    _code: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def write(self, job: TrialJob) -> str:
        """Return the request to run a trial, as JSON."""
        return TrialRequest(
            run=self.run,
            code=self._code_for(job),
            job=job,
            patience_s=self.patience_s,
        ).model_dump_json()

    def write_meta_task(self, job: MetaWorkerJob, meta_epoch: int, task: int) -> str:
        """Return the request to learn a task of a meta-epoch, both from 0, as JSON."""
        return LearnRequest(
            run=self.run,
            code=self._code_for(job),
            job=job,
            patience_s=self.patience_s,
            meta_epoch=meta_epoch,
            task=task,
        ).model_dump_json()

    def read(self, reply_json: str, job: TrialJob) -> TrialReply:
        """Return the reply to a trial's request.

        Raises:
            FleetError: it is none.
        """
        return _read(TrialReply, reply_json, str(job.trial))

    def read_meta_task(self, result: object, job: MetaWorkerJob) -> tuple[LearnReply, bytes]:
        """Return the reply to the request of a meta-task, and the bytes beside it, still unread.

        Raises:
            FleetError: it is none.
        """
        reply_json, content = ("", b"")
        if isinstance(result, tuple) and list(map(type, result)) == [str, bytes]:
            reply_json, content = result
        return _read(LearnReply, reply_json, str(job.pretraining)), content

    def _code_for(self, job: TrialJob | MetaWorkerJob) -> dict[str, str]:
        names = (job.method_name, job.dataset.name)
        if names not in self._code:
            self._code[names] = code_of(self.plugins, *names)
        return self._code[names]


def _read(kind: type[M], reply_json: str, what: str) -> M:
    try:
        return kind.model_validate_json(reply_json)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise FleetError(
            f"what a worker has sent back for {what} is not a record of this harness: "
            f"{where}: {first['msg']}"
        ) from None


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TrialRequest(_Message):
    """A trial to be run by a worker.

    Attributes:
        run: of which run it is, so that workers look at their own code once a run.
        code: what the trial was planned with; see `harness.executors.dask.checks`.
        patience_s: how long to go on where nobody waits for the result: the run may have lost its
            connection and come back.
    """

    run: str
    code: dict[str, str]
    job: TrialJob
    patience_s: float


class TrialReply(_Message):
    """What a worker makes of a `TrialRequest`.

    Attributes:
        kind: the trial's delivery; or a refusal, which `reason` explains; or the worker needs the
            checkpoint's bytes; or it stopped, as nobody seemed to wait for it.
        worker: who says so.
    """

    kind: Literal["delivery", "refusal", "wants_checkpoint", "abandoned"]
    worker: str
    reason: str = ""
    delivery: TrialDelivery | None = None


class LearnRequest(_Message):
    """A task of a pretraining to be learned by a worker.

    Attributes:
        run: see `TrialRequest`.
        code: see `TrialRequest`.
        job: says which pretraining it is.
        patience_s: see `TrialRequest`.
        meta_epoch: which the task is of, from 0.
        task: its number in it, from 0.
    """

    run: str
    code: dict[str, str]
    job: MetaWorkerJob
    patience_s: float
    meta_epoch: int = Field(ge=0)
    task: int = Field(ge=0)


class LearnReply(_Message):
    """What a worker makes of a `LearnRequest`; the tensors travel beside it.

    Attributes:
        kind: what came of it: it was learned, with this loss and accuracy (in percent, both of the
            last inner step, null if not finite); or the method has failed, as `outcome` and `log`
            tell; or as in `TrialReply`.
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
    def _says_what_has_failed(self) -> LearnReply:
        if self.kind == "failed" and (self.outcome is None or self.outcome.status == "ok"):
            raise ValueError("a failure without an outcome that is one")
        return self
