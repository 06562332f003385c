"""The messages between a run and its workers: JSON, validated at both ends before it is used."""

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
        run: a unique name.
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
            FleetError: the text is not a reply.
        """
        return _read(TrialReply, reply_json, str(job.trial))

    def read_meta_task(self, result: object, job: MetaWorkerJob) -> tuple[LearnReply, bytes]:
        """Return the reply to the request of a meta-task, and the bytes beside it, unchecked.

        Raises:
            FleetError: the text is not a reply.
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
        run: the name of the run; workers check their own code once for each run.
        code: what the trial was planned with; see `harness.executors.dask.checks`.
        patience_s: how long to go on while nobody waits for the result, since the run may have lost
            its connection and come back.
    """

    run: str
    code: dict[str, str]
    job: TrialJob
    patience_s: float


class TrialReply(_Message):
    """A worker's reply to a `TrialRequest`.

    Attributes:
        kind: the trial's delivery; or a refusal, which `reason` explains; or the worker needs the
            checkpoint's bytes; or it stopped, since nobody seemed to be waiting.
        worker: the address of the worker.
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
        job: identifies the pretraining.
        patience_s: see `TrialRequest`.
        meta_epoch: the meta-epoch of the task, from 0.
        task: its number in the meta-epoch, from 0.
    """

    run: str
    code: dict[str, str]
    job: MetaWorkerJob
    patience_s: float
    meta_epoch: int = Field(ge=0)
    task: int = Field(ge=0)


class LearnReply(_Message):
    """A worker's reply to a `LearnRequest`; the tensors travel beside it.

    Attributes:
        kind: the task was learned; or the method has failed, as `outcome` and `log` say; or as in
            `TrialReply`.
        worker: the address of the worker.
        loss: of the last inner step of a task that was learned; None if it is not finite.
        accuracy: the same, in percent.
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
