"""A suite: a TOML file that names trials.

    title = "Two methods on my images"

    [[trials]]
    methods = ["onnas[q=1]", "darts"]
    datasets = ["folder[path=photos,size=84]"]
    devices = ["jetson"]
    ways = 5
    shots = 1
    budget = "small,tasks=5"
    seeds = "0-2"

Each `[[trials]]` table stands for all combinations of what it lists.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.contracts import DeviceMode, TaskKind
from harness.errors import UnknownNameError, UsageError
from harness.experiment.objective import Objective, parse_objective
from harness.experiment.published import Published
from harness.experiment.setting import (
    Count,
    Evaluation,
    FewShotSetting,
    FullTaskSetting,
    Setting,
    TabularSetting,
    parse_recipe,
)
from harness.space.spec import METANAS
from harness.system.text import NotTextError, read_toml

__all__ = ["Suite", "SuiteEntry", "load_suite"]

Names = Annotated[list[str], Field(min_length=1)]


class SuiteEntry(BaseModel):
    """A block of trials: every combination of methods, data sets, devices and seeds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: Names | None = Field(default=None, description="as -m takes them; without: -m says")
    datasets: Names = Field(default=["glyphs"], description="as --dataset takes them")
    devices: Names = Field(default=["cpu"], description="as -d takes them")
    mode: DeviceMode | None = Field(
        default=None, description="without it: what each device is on this machine"
    )
    ways: Count = Field(default=5, description="classes of an episode")
    shots: Count = Field(default=1, description="support images a class")
    queries: Count = Field(default=15, description="query images a class")
    evaluation: Evaluation = Field(
        default="inductive",
        description="query images judged one by one, or one of each class normalised together",
    )
    space: str = Field(
        default=METANAS.name, description="the search space, as `harness list spaces` has them"
    )
    recipe: str = Field(
        default="", description="key=value pairs: batch_size, learning rates, augmentation"
    )
    objective: str = Field(
        default="accuracy",
        description="of a black-box search: accuracy; accuracy,latency for a front; or "
        "accuracy*(latency/20)^-0.07",
    )
    limits: str = Field(
        default="",
        description="of a black-box search: pairs such as latency=20 (ms), flops=100 (MFLOP), "
        "parameters=0.5 (M), which an answer may not exceed",
    )
    budget: str = Field(default="quick", description="a name, key=value pairs, or both")
    seeds: str = Field(default="0", description="such as 0-2 or 0,4")
    counts_memory: bool = Field(
        default=True, description="false leaves memory out of a measurement of time"
    )

    allow_shared_classes: bool = Field(
        default=False, description="true pretrains on classes or images that are tested, too"
    )

    def setting(self, kind: TaskKind) -> Setting:
        """Return how a data set of a kind is posed.

        Raises:
            UsageError: the recipe or the objective is malformed, or is not for this kind.
        """
        recipe = parse_recipe(self.recipe)
        objective = parse_objective(self.objective, self.limits)
        if kind == "tabular":
            if self.recipe:
                raise UsageError("a table has no recipe: its architectures are trained already")
            return TabularSetting(objective=objective)
        if objective != Objective():
            raise UsageError(
                f"the objective '{objective}' is for black-box searches that a table answers; what "
                "is trained here is judged by its accuracy"
            )
        if kind == "full-task":
            default = FullTaskSetting()
            return FullTaskSetting(
                batch_size=recipe.batch_size or default.batch_size, recipe=recipe
            )
        if recipe.start:
            raise UsageError(
                "the recipe's start is for full tasks; few-shot tasks start from what their "
                "budget's meta_epochs have pretrained"
            )
        return FewShotSetting(
            ways=self.ways,
            shots=self.shots,
            queries=self.queries,
            evaluation=self.evaluation,
            recipe=recipe,
        )


class Suite(BaseModel):
    """Blocks of trials under one title."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str = Field(default="", description="what it is, for people")
    published: Published | None = None  # numbers of others for these trials
    trials: Annotated[list[SuiteEntry], Field(min_length=1)]


def load_suite(path: Path) -> Suite:
    """Read a suite.

    Raises:
        UsageError: it cannot be read, is not TOML, or a key or value is wrong; the message names
            file, line and key.
    """
    try:
        text, table = read_toml(path)
    except NotTextError as error:
        raise UsageError(f"suite {path}: {error}") from None
    try:
        return Suite.model_validate(table)
    except ValidationError as error:
        raise _explained(path, text, error) from None


def _explained(path: Path, text: str, error: ValidationError) -> UsageError:
    first = error.errors()[0]
    keys = [part for part in first["loc"] if isinstance(part, str)]
    blocks = [part for part in first["loc"] if isinstance(part, int)]
    key = keys[-1] if keys else "trials"
    block = blocks[0] if blocks and keys[:1] == ["trials"] else None
    line = _line_of(text, key, block)
    where = f" in {path}, line {line}" if line else f" in {path}"
    if first["type"] == "extra_forbidden":
        known: dict[str, Any] = dict(
            SuiteEntry.model_fields if block is not None else Suite.model_fields
        )
        return UnknownNameError("key", key, known, where)
    message = first["msg"][0].lower() + first["msg"][1:]
    return UsageError(f"suite key '{key}'{where}: {message}")


def _line_of(text: str, key: str, block: int | None) -> int | None:
    """Find the line of `key`, in the `block`-th `[[trials]]` table if that is given."""
    seen = -1
    for number, line in enumerate(text.split("\n"), start=1):
        if re.match(r"\s*\[\[\s*trials\s*\]\]", line):
            seen += 1
        here = block is None or seen == block
        if here and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line):
            return number
    return None
