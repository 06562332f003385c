"""What a run leaves beside its records: `plan.json`; of each trial, its steps or evaluations."""

from __future__ import annotations

import csv
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.results.reading import read_part

__all__ = [
    "EVALUATION_FILE",
    "PLAN_FILE",
    "PLAN_SCHEMA",
    "STEP_FILE",
    "Evaluation",
    "Plan",
    "PlannedTrial",
    "Step",
    "read_evaluations",
    "read_steps",
]

PLAN_FILE = "plan.json"
PLAN_SCHEMA: Literal[1] = 1
STEP_FILE = "steps.jsonl"
EVALUATION_FILE = "evaluations.csv"

MAX_STEPS = 20_000
MAX_BYTES = 8 * 2**20


class PlannedTrial(BaseModel):
    """A trial that was asked for; whatever else defines it is kept as it is."""

    model_config = ConfigDict(extra="allow")

    trial_key: str = Field(min_length=1)
    folder: str


class Plan(BaseModel):
    """`plan.json`: every trial of a run, and the suites that asked for them."""

    model_config = ConfigDict(populate_by_name=True)

    schema_version: Literal[1] = Field(default=PLAN_SCHEMA, alias="schema")
    suites: list[str] = []  # a plan of an earlier version names none
    dataset_map: dict[str, str] = {}  # for a suite's data set, the label of what stands in for it
    passed_over: dict[str, str] = {}  # for a method that could not be planned, why
    trials: list[PlannedTrial]
    superseded: list[str] = []  # folders of trials that were run anew, since code has changed

    @property
    def stand_ins(self) -> dict[str, str]:
        """For the label of a data set, the suite's data set that it was run in place of."""
        return {label: name for name, label in self.dataset_map.items()}


class Step(BaseModel):
    """One search step: a row of `steps.jsonl`, and what listeners receive."""

    model_config = ConfigDict(allow_inf_nan=False)

    task: int = Field(ge=0, description="of the trial, from 0")
    step: int = Field(ge=0, description="of the task, from 0")
    loss: float | None = Field(default=None, description="nats, the mean over its images")
    accuracy: float | None = Field(default=None, description="percent, on its own images")
    memory_bytes: int | None = Field(description="its peak; null where memory was not counted")
    seconds: float | None = Field(default=None, description="wall clock")


class Evaluation(NamedTuple):
    """One question of a black-box search and its answer: a row of `evaluations.csv`.

    The file has a column for each cost of the objective besides.
    """

    number: int  # from 0
    architecture: str
    accuracy: float  # percent
    costs: tuple[float, ...] = ()


def read_evaluations(folder: Path) -> list[Evaluation]:
    """Return the first questions of a trial, in order; empty where it has none.

    A file that was changed by hand is read up to its first wrong row.
    """
    text = read_part(folder / EVALUATION_FILE, MAX_BYTES).content.decode(errors="replace")
    found = []
    for row in islice(csv.reader(text.splitlines()), 1, MAX_STEPS):
        try:
            number, architecture, accuracy, *costs = row
            numbers = tuple(map(float, costs))
            found.append(Evaluation(int(number), architecture, float(accuracy), numbers))
        except ValueError:
            break
    return found


def read_steps(folder: Path) -> list[Step]:
    """Return the first steps of a trial, in order; anything else is skipped."""
    lines = read_part(folder / STEP_FILE, MAX_BYTES).content.splitlines()
    return [step for line in islice(lines, MAX_STEPS) if (step := _step(line)) is not None]


def _step(line: bytes) -> Step | None:
    try:
        return Step.model_validate_json(line)
    except ValidationError:
        return None
