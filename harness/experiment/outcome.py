"""The outcome of a trial, as the process that ran it reports it, and the parts of an outcome."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime, timezone
from operator import attrgetter
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)
from pydantic.dataclasses import dataclass

from harness.canonical import SparseModel
from harness.experiment.objective import Cost
from harness.metrics import Source
from harness.system.text import written

__all__ = [
    "FINAL_STATUSES",
    "CurvePoint",
    "FrontPoint",
    "JudgedImage",
    "Metric",
    "Outcome",
    "PretrainingPart",
    "RecordPart",
    "SparsePart",
    "Stage",
    "Status",
    "TaskResult",
    "TimedOutcome",
    "TrialClock",
    "TrialError",
    "Used",
]

Status = Literal["ok", "out_of_memory", "over_budget", "error", "interrupted"]

Stage = Literal["start", "data", "pretraining", "build", "search", "predict", "end"]

# A record with one of these stays; an interrupted trial is run again.
FINAL_STATUSES: frozenset[Status] = frozenset({"ok", "out_of_memory", "over_budget", "error"})


class RecordPart(BaseModel):
    """A part of a record."""

    # A NaN has no place in JSON: a value that was not captured is null.
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class SparsePart(SparseModel, RecordPart):
    """A part whose `SPARSE` fields are written only where they differ from their defaults.

    So a record without them reads as it did before these fields existed.
    """


class Metric(SparsePart):
    """A number with its unit and where it came from; null where it was not captured."""

    SPARSE: ClassVar[frozenset[str]] = frozenset({"low", "high"})

    value: float | None = Field(description="null where it was not captured")
    unit: str = Field(description="such as MiB, s or %")
    source: Source = Field(description="where it came from")
    low: float | None = Field(default=None, description="of a prediction: where nine of ten")
    high: float | None = Field(default=None, description="times like it would be")


# A message may name a file whose name JSON cannot hold.
Told = Annotated[str, BeforeValidator(lambda it: written(it) if isinstance(it, str) else it)]


class TrialError(RecordPart):
    """Why a trial did not end `ok`."""

    type: str = Field(description="the exception's name, or what the harness calls it")
    message: Told = Field(description="what it said")
    stage: Stage = Field(description="what the trial was doing")


class CurvePoint(RecordPart):
    """How well tasks of the validation classes were learned after so many meta-epochs."""

    meta_epoch: int = Field(description="meta-epochs done")
    loss: float = Field(description="mean cross entropy of query images")
    accuracy: float = Field(description="percent of the query images")


class PretrainingPart(RecordPart):
    """The offline stage that a trial started from."""

    key: str = Field(description="of the checkpoint's identity")
    seconds: float = Field(description="wall clock, on the machine that did it")
    curve: list[CurvePoint] = Field(description="while it went on")


class Used(SparsePart):
    """What a trial really used of its budget."""

    SPARSE: ClassVar[frozenset[str]] = frozenset({"evaluations"})

    meta_epochs: int = Field(default=0, description="of pretraining")
    warmup_epochs: int = Field(default=0, description="of these, with w alone learning")
    search_steps: int = Field(default=0, description="search steps on the task that had most")
    epochs: int = Field(default=0, description="of a full task")
    tasks: int = Field(default=0, description="tasks finished")
    wall_clock_s: float = Field(default=0.0, description="seconds from its start to its end")
    memory_mb: float | None = Field(default=None, description="peak memory in MiB")
    evaluations: int | None = Field(
        default=None, description="architectures asked for; only for a black-box search"
    )


@dataclass(slots=True, kw_only=True, config=RecordPart.model_config)
class TaskResult:
    """One task of a trial; trials on the same episodes are compared task by task.

    Thousands of records have a hundred each: with slots, a third of the memory that a model takes.
    """

    index: int = Field(description="of its episode, from 0")
    accuracy: float = Field(description="percent of the query images")
    search_s: float = Field(description="wall clock of the task's search steps, in seconds")
    peak_memory_bytes: int | None = Field(description="null where memory was not counted")
    energy_j: float | None = Field(
        default=None,
        description="joules of the task's search steps; null where they cannot be read",
    )
    metrics: dict[str, float] = Field(
        default_factory=dict,
        description="what the method itself reports, by name; absent where it does not",
    )

    @model_serializer(mode="wrap")
    def _without_empty_metrics(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = dump(self)
        if not self.metrics:
            told.pop("metrics", None)
        return told

    def value(self, name: str) -> float | None:
        """Return a number by its key here, or by the name of a metric that the method reports."""
        own: float | None = getattr(self, name) if name in _TASK_FIELDS else None
        return self.metrics.get(name, own) if self.metrics else own

    @classmethod
    def values(cls, tasks: Sequence[TaskResult], name: str) -> list[float | None]:
        """Return the same number of many tasks."""
        if name not in _TASK_FIELDS or any(map(attrgetter("metrics"), tasks)):
            return [task.value(name) for task in tasks]
        return list(map(attrgetter(name), tasks))


class FrontPoint(RecordPart):
    """An architecture on a Pareto front: no other one that was evaluated dominates it."""

    architecture: str = Field(description="as the space writes it")
    accuracy: float = Field(description="percent")
    costs: dict[Cost, float] = Field(description="latency in ms, flops and parameters in millions")


class JudgedImage(RecordPart):
    """A query image of the first task, with what it is and what it was taken for."""

    shape: tuple[int, int, int]  # channels, height, width
    pixels: str  # uint8 in that order, as base64
    label: str
    predicted: str


_TASK_FIELDS = frozenset(each.name for each in fields(TaskResult))


class Outcome(RecordPart):
    """What the process that ran a trial can say about it."""

    status: Status
    error: TrialError | None = None
    used: Used = Used()
    metrics: dict[str, Metric] = {}
    tasks: list[TaskResult] = []
    initial_architecture: dict[str, Any] | None = None
    architectures: list[dict[str, Any]] = []
    examples: list[JudgedImage] = []
    front: list[FrontPoint] = []
    table_front: list[FrontPoint] = []
    pretraining: PretrainingPart | None = None
    environment: dict[str, Any] = {}
    method_s: float = 0.0
    data_s: float = 0.0


class TimedOutcome(BaseModel):
    """How a trial ended: what its process said, and the clocks of the machine that ran it."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    outcome: Outcome
    wall_s: float = Field(ge=0, description="by a clock that never goes back")
    started_at: str = Field(max_length=40, description="ISO 8601 in UTC, by the machine's calendar")
    ended_at: str = Field(max_length=40)


class TrialClock:
    """Times a trial: dates by the calendar, and seconds by a clock that nobody can set."""

    def __init__(self) -> None:
        """Start."""
        self._started_at, self._started = _now(), time.monotonic()

    def timed(self, outcome: Outcome) -> TimedOutcome:
        """Return the outcome with the times up to now."""
        wall_s = time.monotonic() - self._started
        return TimedOutcome(
            outcome=outcome, wall_s=wall_s, started_at=self._started_at, ended_at=_now()
        )

    def broken_off(self, status: Status, kind: str, message: str) -> TimedOutcome:
        """Return the outcome of a trial that something other than its method has ended."""
        error = TrialError(type=kind, message=message, stage="search")
        return self.timed(Outcome(status=status, error=error))


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
