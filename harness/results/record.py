"""The record of a trial, which it leaves however it ended."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field

from harness.contracts import TaskKind
from harness.experiment.budget import Budget
from harness.experiment.objective import Objective
from harness.experiment.outcome import (
    FrontPoint,
    Metric,
    Outcome,
    PretrainingPart,
    RecordPart,
    SparsePart,
    Status,
    TaskResult,
    TrialError,
    Used,
)
from harness.experiment.setting import Evaluation, Recipe, conditions_of
from harness.experiment.trial import SpaceIdentity, Trial
from harness.space.spec import METANAS

__all__ = [
    "SCHEMA",
    "Record",
    "Timing",
    "setting_name",
]

SCHEMA: Literal[1] = 1


class BudgetUse(RecordPart):
    """The budget beside what was used of it."""

    allowed: Budget
    used: Used


class Timing(RecordPart):
    """Where a trial's wall clock went, in seconds on the machine that ran it."""

    wall_s: float = Field(description="from start to end")
    method_s: float = Field(description="inside the method's own calls")
    data_s: float = Field(description="opening, decoding and moving images")
    host_share: float | None = Field(description="the rest, as a fraction of the wall clock")


def setting_name(ways: int | None, shots: int | None) -> str:
    """Name a setting as rows do; without ways and shots it is a full task."""
    return "full task" if shots is None else f"{ways}-way {shots}-shot"


class MethodPart(RecordPart):
    """The method as the record names it."""

    name: str = Field(description="as it is registered")
    version: str = Field(description="of its distribution")
    distribution: str = Field(description="what pip calls it")
    params: dict[str, Any] = Field(description="every parameter, defaults included")


class DatasetPart(SparsePart):
    """The data set and how it was posed; ways, shots and queries are null for a full task."""

    SPARSE: ClassVar[frozenset[str]] = frozenset({"evaluation", "recipe", "objective"})

    name: str = Field(description="as it is registered")
    label: str = Field(description="name and parameters as people write them")
    fingerprint: str = Field(description="SHA-256 of images, classes and splits")
    kind: TaskKind = Field(description="how it was posed")
    split: str = Field(description="what its episodes are drawn from")
    ways: int | None = Field(description="classes of an episode")
    shots: int | None = Field(description="support images a class")
    queries: int | None = Field(description="query images a class")
    classes: int | None = Field(
        default=None, description="of a full task; null in records of earlier versions"
    )
    evaluation: Evaluation = Field(
        default="inductive", description="how query images are judged; absent where `inductive`"
    )
    recipe: Recipe = Field(
        default_factory=Recipe,
        description="batches, learning rates; absent where all are the defaults",
    )
    objective: Objective = Field(
        default_factory=Objective,
        description="of a black-box search; absent where it is accuracy alone",
    )

    @property
    def setting(self) -> str:
        """How it was posed, as rows name it: `5-way 1-shot`."""
        return "table" if self.kind == "tabular" else setting_name(self.ways, self.shots)


class DevicePart(RecordPart):
    """The device, and whether its numbers are its own."""

    name: str = Field(description="as it is registered")
    model: str = Field(description="maker and model")
    mode: Literal["measured", "emulated"] = Field(description="whether this machine was the device")
    memory_limit_bytes: int | None = Field(description="of tensors; null: no limit")


class Record(SparsePart):
    """`record.json`: everything about one finished trial, without tensors."""

    SPARSE: ClassVar[frozenset[str]] = frozenset({"space", "front", "table_front"})

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
    space: SpaceIdentity = Field(
        default=SpaceIdentity.of(METANAS), description="what was searched; absent where `metanas`"
    )
    status: Status = Field(description="how the trial ended")
    error: TrialError | None
    budget: BudgetUse
    metrics: dict[str, Metric] = Field(description="by name, such as peak_memory")
    tasks: list[TaskResult] = Field(description="those that were finished")
    initial_architecture: dict[str, Any] | None = Field(
        default=None, description="what the first task's search started from; null if from none"
    )
    architecture: dict[str, Any] | None = Field(description="that of the first task")
    front: list[FrontPoint] = Field(
        default=[], description="what a search for a front found, the most accurate first"
    )
    table_front: list[FrontPoint] = Field(
        default=[], description="the front of the whole table, which it could have found"
    )
    pretraining: PretrainingPart | None = Field(description="null for a search from scratch")
    environment: dict[str, Any] = Field(description="the machine and its software")
    timing: Timing
    started_at: str = Field(description="ISO 8601, UTC")
    ended_at: str = Field(description="ISO 8601, UTC")

    @property
    def conditions(self) -> str:
        """Recipe, evaluation and space where they are not the defaults; else empty."""
        data = self.dataset
        return conditions_of(data.recipe, data.evaluation, self.space.name, data.objective)

    @property
    def full_setting(self) -> str:
        """The setting with its conditions, as tables show it: `5-way 1-shot, transductive`."""
        return ", ".join(filter(None, (self.dataset.setting, self.conditions)))

    @property
    def chance(self) -> float | None:
        """The accuracy of guessing among the classes, in percent; None where these are unknown."""
        classes = self.dataset.ways or self.dataset.classes
        return 100 / classes if classes else None

    @property
    def code(self) -> dict[str, str]:
        """Digests of the code that it was made with; empty in records of earlier versions."""
        told = self.environment.get("code")
        return {key: str(each) for key, each in told.items()} if isinstance(told, dict) else {}

    @classmethod
    def of(
        cls, trial: Trial, outcome: Outcome, *, wall_s: float, started_at: str, ended_at: str
    ) -> Record:
        """Join a trial with its outcome; times are ISO 8601 in UTC."""
        rest = wall_s - outcome.method_s - outcome.data_s
        return cls(
            schema=SCHEMA,
            trial_key=trial.key,
            label=trial.method.label,
            method=MethodPart(**trial.method.model_dump(exclude={"label"})),
            dataset=_dataset_of(trial),
            device=_device_of(trial),
            seed=trial.seed,
            space=trial.space,
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
            front=outcome.front,
            table_front=outcome.table_front,
            pretraining=outcome.pretraining,
            environment={**outcome.environment, **_of_plan(trial)},
            timing=Timing(
                wall_s=wall_s,
                method_s=outcome.method_s,
                data_s=outcome.data_s,
                host_share=max(rest, 0.0) / wall_s if wall_s > 0 else None,
            ),
            started_at=started_at,
            ended_at=ended_at,
        )


def _dataset_of(trial: Trial) -> DatasetPart:
    setting = trial.setting
    return DatasetPart(
        name=trial.dataset.name,
        label=trial.dataset.label,
        fingerprint=trial.dataset.fingerprint,
        kind=setting.kind,
        split=setting.split,
        ways=getattr(setting, "ways", None),
        shots=getattr(setting, "shots", None),
        queries=getattr(setting, "queries", None),
        classes=trial.dataset.classes,
        evaluation=getattr(setting, "evaluation", "inductive"),
        recipe=setting.recipe,
        objective=getattr(setting, "objective", Objective()),
    )


def _device_of(trial: Trial) -> DevicePart:
    profile = trial.device.profile
    return DevicePart(
        name=trial.device.name,
        model=profile.model,
        mode=trial.device.mode,
        memory_limit_bytes=profile.memory_limit_bytes,
    )


def _of_plan(trial: Trial) -> dict[str, Any]:
    """Return what planning adds to the environment: digests of code, and shared classes."""
    told: dict[str, Any] = {}
    if trial.code is not None:
        told["code"] = {part: digits for part, digits in trial.code.model_dump().items() if digits}
    if trial.dataset.overlap:
        told["shared_with_training"] = trial.dataset.overlap
    return told
