"""A run's files beside its records: `plan.json`; each trial's steps, evaluations and images."""

from __future__ import annotations

import csv
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import suppress
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import Literal, NamedTuple

from pydantic import Base64Bytes, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from harness.experiment.outcome import JudgedImage
from harness.results.reading import read_part
from harness.system.files import write_whole

__all__ = [
    "EVALUATION_FILE",
    "EXAMPLE_FILE",
    "PLAN_FILE",
    "PLAN_SCHEMA",
    "STEP_FILE",
    "Evaluation",
    "Plan",
    "PlannedTrial",
    "ShownImage",
    "Step",
    "read_evaluations",
    "read_examples",
    "read_steps",
    "write_examples",
]

PLAN_FILE = "plan.json"
PLAN_SCHEMA: Literal[1] = 1
STEP_FILE = "steps.jsonl"
EVALUATION_FILE = "evaluations.csv"
EXAMPLE_FILE = "examples.json"

MAX_STEPS = 20_000
MAX_BYTES = 8 * 2**20
MAX_EXAMPLE_BYTES = 256 * 2**10
SIDE = 48  # pixels of an example, at most
PNG = b"\x89PNG\r\n\x1a\n"


class PlannedTrial(BaseModel):
    """A trial that was asked for; all further keys are kept as they are."""

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

    The file has one more column for each cost of the objective.
    """

    number: int  # from 0
    architecture: str
    accuracy: float  # percent
    costs: tuple[float, ...] = ()


class ShownImage(BaseModel):
    """A judged query image of the first task, small enough that many can be shown."""

    model_config = ConfigDict(extra="forbid")

    png: Base64Bytes = Field(max_length=64 * 2**10, description="the image, at most 48 pixels wide")
    label: str = Field(max_length=1000, description="what it is; of an episode, its class there")
    predicted: str = Field(max_length=1000, description="what it was taken for")


_EXAMPLES = TypeAdapter(list[ShownImage])


def write_examples(folder: Path, examples: Sequence[JudgedImage]) -> None:
    """Write `examples.json` into a trial's folder; nothing where there are none.

    Raises:
        RunFolderError: it cannot be written.
    """
    if examples:
        shown = [
            ShownImage(png=b64encode(_png(each)), label=each.label, predicted=each.predicted)
            for each in examples
        ]
        write_whole(folder / EXAMPLE_FILE, _EXAMPLES.dump_json(shown, indent=1).decode() + "\n")


def _png(example: JudgedImage) -> bytes:
    """Return an image as PNG, no larger than `SIDE`."""
    # Imported here: slow, and only runs with images to show need them.
    import numpy as np  # noqa: PLC0415 - see above
    from PIL import Image  # noqa: PLC0415 - see above

    pixels = np.frombuffer(b64decode(example.pixels), dtype=np.uint8).reshape(example.shape)
    grid = pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)
    image = Image.fromarray(np.ascontiguousarray(grid))
    image.thumbnail((SIDE, SIDE))
    content = BytesIO()
    image.save(content, "PNG", optimize=True)
    return content.getvalue()


def read_examples(folder: Path) -> list[ShownImage]:
    """Return the judged images of a trial; none where the file is missing, or is no such file."""
    content = read_part(folder / EXAMPLE_FILE, MAX_EXAMPLE_BYTES).content
    with suppress(ValidationError):
        found = _EXAMPLES.validate_json(content)
        return [each for each in found if each.png.startswith(PNG)]
    return []


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
