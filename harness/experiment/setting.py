"""How a data set is posed to a method: as few-shot episodes or as one full task."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.canonical import SparseModel
from harness.errors import UnknownNameError, UsageError
from harness.experiment.objective import Objective
from harness.fields import explain, field_schemas, value_of
from harness.space.spec import METANAS

__all__ = [
    "Count",
    "Evaluation",
    "FewShotSetting",
    "FullTaskSetting",
    "LearningRate",
    "Recipe",
    "Schedule",
    "Setting",
    "TabularSetting",
    "conditions_of",
    "parse_recipe",
]

Count = Annotated[int, Field(ge=1)]
LearningRate = Annotated[float, Field(gt=0, le=10)]

Evaluation = Literal["inductive", "transductive", "both"]
"""How query images are judged: each one alone, or one of each class normalised together.

With `both` the accuracy is the inductive one, and the other a metric of its own.
"""


Schedule = Literal["constant", "cosine", "late"]
"""How the learning rate of w goes on, see `harness.search.optimizers`."""


class Recipe(SparseModel):
    """How weights and architecture are trained on a data set, by whichever method.

    The defaults are those of the reference configuration for few-shot search (On-NAS, section 6.2;
    Omniglot has learning rates of 0.005 there). A method's own parameter takes precedence.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    SPARSE: ClassVar[frozenset[str]] = frozenset({"architecture_images", "start"})

    batch_size: Count | None = Field(
        default=None, description="images a batch; without it the protocol's"
    )
    weight_lr: LearningRate = Field(default=0.01, description="learning rate of w")
    architecture_lr: LearningRate = Field(default=0.01, description="learning rate of α and β")
    schedule: Schedule = Field(
        default="constant",
        description="how that of w falls over the search: not at all, to 0 by half a cosine, or "
        "to 0 in the second half",
    )
    augmentation: Literal["none", "crop-flip"] = Field(
        default="none",
        description="how training images of a full task are changed: cut out of a margin of 4 "
        "pixels at random, and half of them mirrored",
    )
    architecture_images: Literal["half", "all"] = Field(
        default="half",
        description="what α learns from in a full task: the half of the training images that w "
        "does not see, or all of them, and then so does w",
    )
    start: str = Field(
        default="",
        pattern="^([0-9a-f]{64})?$",
        description="key of the pretraining whose checkpoint a full task starts from; without it "
        "from scratch",
    )

    def __str__(self) -> str:
        """Say where it differs from the defaults; empty if nowhere."""
        default = Recipe()
        words = [f"batches of {self.batch_size}"] if self.batch_size else []
        if (self.weight_lr, self.schedule) != (default.weight_lr, default.schedule):
            falls = "" if self.schedule == "constant" else f" {self.schedule}"
            words.append(f"w {self.weight_lr:g}{falls}")
        if self.architecture_lr != default.architecture_lr:
            words.append(f"α {self.architecture_lr:g}")
        if self.augmentation != default.augmentation:
            words.append(self.augmentation)
        if self.architecture_images != default.architecture_images:
            words.append("α and w on the same images")
        if self.start:
            words.append(f"from checkpoint {self.start[:12]}")
        return ", ".join(words)


def parse_recipe(text: str) -> Recipe:
    """Read `key=value,...`; nothing is the default.

    Raises:
        UsageError: an unknown key (the message has the nearest), or a value out of range.
    """
    pairs = [word.partition("=") for word in text.split(",") if word.strip()]
    values = {key.strip(): value.strip() for key, _, value in pairs}
    for key in values:
        if key not in Recipe.model_fields:
            raise UnknownNameError("key", key, Recipe.model_fields, f" in the recipe '{text}'")
    schemas = field_schemas(Recipe)
    typed = {key: value_of(value, schemas[key]) for key, value in values.items()}
    try:
        return Recipe.model_validate(typed)
    except ValidationError as error:
        raise UsageError(f"recipe '{text}': {explain(error, Recipe)}") from None


def conditions_of(
    recipe: Recipe,
    evaluation: Evaluation = "inductive",
    space: str = METANAS.name,
    objective: Objective | None = None,
) -> str:
    """Name the conditions of a search that are no defaults, such as `w 0.005, transductive`."""
    words = [str(recipe), str(objective or "")]
    if evaluation != "inductive":
        words.append(evaluation)
    if space != METANAS.name:
        words.append(f"space {space}")
    return ", ".join(filter(None, words))


class PosedData(BaseModel):
    """What all settings have: a name, and conditions where these are not the defaults."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @property
    @abstractmethod
    def name(self) -> str:
        """What the field calls it, as rows and published numbers have it: `5-way 1-shot`."""

    @property
    def conditions(self) -> str:
        """What is not the default; else empty."""
        return ""

    def __str__(self) -> str:
        """Say its name, then what is not the default."""
        return ", ".join(filter(None, (self.name, self.conditions)))


class FewShotSetting(PosedData):
    """Episodes of `ways` classes with `shots` support and `queries` query images a class."""

    kind: Literal["few-shot"] = "few-shot"
    split: str = "test"
    ways: Count = 5
    shots: Count = 1
    queries: Count = 15
    evaluation: Evaluation = "inductive"
    recipe: Recipe = Recipe()

    @property
    def batch_size(self) -> int:
        """Support images a batch: the paper's table 2 fits 5 for one shot and 15 for more."""
        size = self.recipe.batch_size or (5 if self.shots == 1 else 15)
        return min(self.ways * self.shots, size)

    @property
    def batches(self) -> int:
        """Batches that a search step goes through."""
        return -(-self.ways * self.shots // self.batch_size)

    @property
    def default_channels(self) -> int:
        """The paper's C for few-shot search."""
        return 28

    @property
    def name(self) -> str:
        """What the field calls it, as rows and published numbers have it: `5-way 1-shot`."""
        return f"{self.ways}-way {self.shots}-shot"

    @property
    def conditions(self) -> str:
        """What is not the default: recipe, evaluation; else empty."""
        return conditions_of(self.recipe, self.evaluation)

    @property
    def slug(self) -> str:
        """A short name for folders."""
        return f"{self.ways}w{self.shots}s"


class FullTaskSetting(PosedData):
    """The whole training set; accuracy on the whole test set, once, at the end."""

    kind: Literal["full-task"] = "full-task"
    split: str = "test"
    batch_size: Count = 128
    recipe: Recipe = Recipe()

    @property
    def default_channels(self) -> int:
        """The paper's C for CIFAR (3,460 MB for DARTS fits 16)."""
        return 16

    @property
    def name(self) -> str:
        """What rows and published numbers call it."""
        return "full task"

    @property
    def conditions(self) -> str:
        """What is not the default of its recipe; else empty."""
        return conditions_of(self.recipe)

    @property
    def slug(self) -> str:
        """A short name for folders."""
        return "full"


class TabularSetting(SparseModel, PosedData):
    """A table of accuracies that others have measured; nothing is trained."""

    SPARSE: ClassVar[frozenset[str]] = frozenset({"objective"})

    kind: Literal["tabular"] = "tabular"
    split: str = "val"
    batch_size: Count = 1
    recipe: Recipe = Recipe()
    objective: Objective = Objective()

    @property
    def default_channels(self) -> int:
        """Unused: the networks of a table have widths of their own."""
        return 16

    @property
    def name(self) -> str:
        """What rows call it."""
        return "table"

    @property
    def conditions(self) -> str:
        """What is to be found, if that is not the most accurate of all."""
        return conditions_of(self.recipe, objective=self.objective)

    @property
    def slug(self) -> str:
        """A short name for folders."""
        return "table"


Setting = Annotated[FewShotSetting | FullTaskSetting | TabularSetting, Field(discriminator="kind")]
