"""The record: what a trial leaves, whatever way it ended."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
    model_validator,
)

from harness.experiment.budget import Budget
from harness.experiment.trial import Trial
from harness.metrics import Source

__all__ = [
    "FINAL_STATUSES",
    "SCHEMA",
    "CurvePoint",
    "Metric",
    "Outcome",
    "PretrainingPart",
    "Record",
    "Stage",
    "Status",
    "TaskResult",
    "Timing",
    "TrialError",
    "Used",
    "setting_name",
]

SCHEMA: Literal[1] = 1

Status = Literal["ok", "out_of_memory", "over_budget", "error", "interrupted"]

Stage = Literal["start", "data", "pretraining", "build", "search", "predict", "end"]

# An interrupted trial is run again; the others have said what they had to say.
FINAL_STATUSES: frozenset[Status] = frozenset({"ok", "out_of_memory", "over_budget", "error"})


class _Part(BaseModel):
    # A NaN has no place in JSON: a value that was not captured is null.
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Metric(_Part):
    """A number with its unit and where it came from; null where it was not captured."""

    value: float | None = Field(description="null where it was not captured")
    unit: str = Field(description="such as MiB, s or %")
    source: Source = Field(description="where it came from")
    low: float | None = Field(default=None, description="of a prediction: where nine of ten")
    high: float | None = Field(default=None, description="times like it would be")

    @model_serializer(mode="wrap")
    def _without_a_band_that_there_is_not(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        told: dict[str, Any] = dump(self)
        return {k: v for k, v in told.items() if k not in ("low", "high") or v is not None}


class TrialError(_Part):
    """Why a trial did not end `ok`."""

    type: str = Field(description="the exception's name, or what the harness calls it")
    message: str = Field(description="what it said")
    stage: Stage = Field(description="what the trial was doing")


class CurvePoint(_Part):
    """How well tasks of the validation classes were learned after so many meta-epochs."""

    meta_epoch: int = Field(description="meta-epochs done")
    loss: float = Field(description="mean cross entropy of query images")
    accuracy: float = Field(description="percent of the query images")


class PretrainingPart(_Part):
    """The offline stage that a trial started from."""

    key: str = Field(description="of the checkpoint's identity")
    seconds: float = Field(description="wall clock, on the machine that did it")
    curve: list[CurvePoint] = Field(description="while it went on")


class Used(_Part):
    """What a trial really used of its budget."""

    meta_epochs: int = Field(default=0, description="of pretraining")
    warmup_epochs: int = Field(default=0, description="of these, with w alone learning")
    search_steps: int = Field(default=0, description="search steps on the task that had most")
    epochs: int = Field(default=0, description="of a full task")
    tasks: int = Field(default=0, description="tasks finished")
    wall_clock_s: float = Field(default=0.0, description="seconds from its start to its end")
    memory_mb: float | None = Field(default=None, description="peak memory in MiB")


class BudgetUse(_Part):
    """The budget beside what was used of it."""

    allowed: Budget
    used: Used


class TaskResult(_Part):
    """One task of a trial; trials on the same episodes are compared task by task."""

    index: int = Field(description="of its episode, from 0")
    accuracy: float = Field(description="percent of the query images")
    search_s: float = Field(description="wall clock of the task's search steps, in seconds")
    peak_memory_bytes: int | None = Field(description="null where memory was not counted")
    energy_j: float | None = Field(
        default=None, description="joules of the task's search steps; null where nothing tells them"
    )
    metrics: dict[str, float] = Field(
        default={}, description="what the method itself reports, by name; absent where it does not"
    )

    def value(self, name: str) -> float | None:
        """Return a number by its key here, or by the name of a metric that the method reports."""
        own: float | None = getattr(self, name, None) if name in type(self).model_fields else None
        return self.metrics.get(name, own)

    @model_serializer(mode="wrap")
    def _without_metrics_that_there_are_not(
        self, dump: SerializerFunctionWrapHandler
    ) -> dict[str, Any]:
        told: dict[str, Any] = dump(self)
        return {key: value for key, value in told.items() if key != "metrics" or value}


_TASK_FIELDS = set(TaskResult.model_fields)  # one for all tasks, of which there are many


class Timing(_Part):
    """Where a trial's wall clock went, in seconds on the machine that ran it."""

    wall_s: float = Field(description="from start to end")
    method_s: float = Field(description="inside the method's own calls")
    data_s: float = Field(description="opening, decoding and moving images")
    host_share: float | None = Field(description="the rest, as a fraction of the wall clock")


class Outcome(_Part):
    """What the process that ran a trial can say about it."""

    status: Status
    error: TrialError | None = None
    used: Used = Used()
    metrics: dict[str, Metric] = {}
    tasks: list[TaskResult] = []
    initial_architecture: dict[str, Any] | None = None
    architectures: list[dict[str, Any]] = []
    pretraining: PretrainingPart | None = None
    environment: dict[str, Any] = {}
    method_s: float = 0.0
    data_s: float = 0.0


def setting_name(ways: int | None, shots: int | None) -> str:
    """Name a setting as rows do; without ways and shots it is a full task."""
    return "full task" if shots is None else f"{ways}-way {shots}-shot"


class MethodPart(_Part):
    """The method as the record names it."""

    name: str = Field(description="as it is registered")
    version: str = Field(description="of its distribution")
    distribution: str = Field(description="what pip calls it")
    params: dict[str, Any] = Field(description="every parameter, defaults included")


class DatasetPart(_Part):
    """The data set and how it was posed; ways, shots and queries are null for a full task."""

    name: str = Field(description="as it is registered")
    label: str = Field(description="name and parameters as people write them")
    fingerprint: str = Field(description="SHA-256 of images, classes and splits")
    kind: Literal["few-shot", "full-task"] = Field(description="how it was posed")
    split: str = Field(description="what its episodes are drawn from")
    ways: int | None = Field(description="classes of an episode")
    shots: int | None = Field(description="support images a class")
    queries: int | None = Field(description="query images a class")
    classes: int | None = Field(
        default=None, description="of a full task; null in records of earlier versions"
    )

    @property
    def setting(self) -> str:
        """How it was posed, as rows name it: `5-way 1-shot`."""
        return setting_name(self.ways, self.shots)


class DevicePart(_Part):
    """The device, and whether its numbers are its own."""

    name: str = Field(description="as it is registered")
    model: str = Field(description="maker and model")
    mode: Literal["measured", "emulated"] = Field(description="whether this machine was it")
    memory_limit_bytes: int | None = Field(description="of tensors; null: no limit")


class Record(_Part):
    """`record.json`: everything about one finished trial, without tensors."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, populate_by_name=True)

    schema_version: Literal[1] = Field(
        default=SCHEMA, alias="schema", description="version of this form"
    )
    trial_key: str = Field(description="SHA-256 of all that defines the trial")
    label: str = Field(description="the method as people write it")
    method: MethodPart
    dataset: DatasetPart
    device: DevicePart
    seed: int = Field(description="what its random numbers came from")
    status: Status = Field(description="which way the trial ended")
    error: TrialError | None
    budget: BudgetUse
    metrics: dict[str, Metric] = Field(description="by name, such as peak_memory")
    tasks: list[TaskResult] = Field(description="those that were finished")
    initial_architecture: dict[str, Any] | None = Field(
        default=None, description="what the first task's search started from; null if from none"
    )
    architecture: dict[str, Any] | None = Field(description="that of the first task")
    pretraining: PretrainingPart | None = Field(description="null for a search from scratch")
    environment: dict[str, Any] = Field(description="the machine and its software")
    timing: Timing
    started_at: str = Field(description="ISO 8601, UTC")
    ended_at: str = Field(description="ISO 8601, UTC")

    @model_validator(mode="after")
    def _share_what_tasks_have_alike(self) -> Record:
        """Let all tasks have one set of field names: of thousands of records it is a tenth."""
        for task in self.tasks:
            object.__setattr__(task, "__pydantic_fields_set__", _TASK_FIELDS)
        return self

    @classmethod
    def of(
        cls, trial: Trial, outcome: Outcome, *, wall_s: float, started_at: str, ended_at: str
    ) -> Record:
        """Join what defined the trial with what came of it; times are ISO 8601 in UTC."""
        setting = trial.setting
        rest = wall_s - outcome.method_s - outcome.data_s
        return cls(
            schema=SCHEMA,
            trial_key=trial.key,
            label=trial.method.label,
            method=MethodPart(**trial.method.model_dump(exclude={"label"})),
            dataset=DatasetPart(
                name=trial.dataset.name,
                label=trial.dataset.label,
                fingerprint=trial.dataset.fingerprint,
                kind=setting.kind,
                split=setting.split,
                ways=getattr(setting, "ways", None),
                shots=getattr(setting, "shots", None),
                queries=getattr(setting, "queries", None),
                classes=trial.dataset.classes,
            ),
            device=DevicePart(
                name=trial.device.name,
                model=trial.device.profile.model,
                mode=trial.device.mode,
                memory_limit_bytes=trial.device.profile.memory_limit_bytes,
            ),
            seed=trial.seed,
            status=outcome.status,
            error=outcome.error,
            budget=BudgetUse(
                allowed=trial.budget,
                used=outcome.used.model_copy(update={"wall_clock_s": wall_s}),
            ),
            metrics=outcome.metrics,
            tasks=outcome.tasks,
            initial_architecture=outcome.initial_architecture,
            architecture=outcome.architectures[0] if outcome.architectures else None,
            pretraining=outcome.pretraining,
            environment=outcome.environment,
            timing=Timing(
                wall_s=wall_s,
                method_s=outcome.method_s,
                data_s=outcome.data_s,
                host_share=max(rest, 0.0) / wall_s if wall_s > 0 else None,
            ),
            started_at=started_at,
            ended_at=ended_at,
        )
