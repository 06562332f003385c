"""The parameters that every gradient-based search method has."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from harness.canonical import SparseModel
from harness.experiment.setting import LearningRate, Recipe, Schedule
from harness.fields import SEARCH_ONLY

__all__ = [
    "SMALLEST_PART",
    "SMALLEST_PART_WORDS",
    "WHOLE",
    "Coefficients",
    "EngineChoice",
    "EngineName",
    "EngineParameters",
    "EvaluatorParameters",
    "MicroBatchParameters",
    "Parts",
    "PretrainingParameters",
    "SearchParameters",
    "TableEvaluator",
    "Temperature",
    "TrainingEvaluator",
    "UpdateRule",
    "WeightParameters",
]

SMALLEST_PART = 3
"""Images that a part of a batch has at least.

Batch norm makes each channel zero on average over a part, so that global average pooling gives zero
for a lone image, and for two images opposite numbers, whatever the weights are.
"""


class Parts(NamedTuple):
    """The number of micro-batches that a batch is split into, and how few images one may have."""

    number: int
    smallest: int = SMALLEST_PART


WHOLE = Parts(1)

SMALLEST_PART_WORDS = (
    "images that each part has at least; batch norm leaves nothing to learn from fewer than three, "
    "but the paper's times are those of parts of one"
)

EngineName = Literal["ordinary", "streamed", "step_by_step", "merged"]
"""How gradients are computed, see `harness.space.backpropagation` and the modules beside it."""

UpdateRule = Literal["adam", "bounded", "gradient-descent"]
"""How gradients become updates, see `harness.search.optimizers`."""

Coefficients = Literal["elementwise", "norm", "none"]
"""How tasks (or cells) are weighed in a meta step: by element, by tensor, or all alike."""

Temperature = Annotated[
    float,
    Field(
        gt=0,
        le=1,
        description="temperature of the softmax over α and β at the last step; it starts at 1",
    ),
]


class WeightParameters(BaseModel):
    """What it takes to train w."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight_lr: LearningRate | None = Field(
        default=None, description="learning rate of w; none for the setting's, which is 0.01"
    )
    schedule: Schedule | None = Field(
        default=None,
        json_schema_extra=SEARCH_ONLY,
        description="whether the learning rate of w falls to 0: not at all, over the whole search "
        "by half a cosine, or in its second half; none for the setting's, which is constant",
    )
    optimizer: UpdateRule = Field(
        default="adam",
        description="how gradients become updates: Adam without momentum, the same with no element "
        "moving further than its learning rate at once, or plain gradient descent",
    )

    def schedule_under(self, recipe: Recipe) -> Schedule:
        """Return how the rate falls: as was typed, as the recipe names it, or by default."""
        default: Schedule | None = type(self).model_fields["schedule"].default
        if self.schedule != default:
            return self.schedule or recipe.schedule
        return default if default and recipe.schedule == "constant" else recipe.schedule


class PretrainingParameters(WeightParameters):
    """What it takes to meta-learn w; the defaults are those of the paper's reference settings."""

    meta_weight_lr: float = Field(
        default=1.0, gt=0, le=10, description="pretraining: meta learning rate of w"
    )
    drop_path: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="pretraining: probability that an image misses an operation",
    )
    search_optimizer: UpdateRule | None = Field(
        default=None,
        json_schema_extra=SEARCH_ONLY,
        description="the optimizer of the search itself; none for the one that pretraining has",
    )
    optimizer_state: Literal["fresh", "kept"] = Field(
        default="fresh",
        description="whether each task starts with an optimizer that has seen nothing, or with the "
        "second moments that pretraining has left, which the device then has to store",
    )


class SearchParameters(PretrainingParameters):
    """Learning rates and temperature; the defaults are those of the paper's reference settings."""

    architecture_lr: LearningRate | None = Field(
        default=None, description="learning rate of α and β; none for the setting's, which is 0.01"
    )
    architecture_decay: float = Field(
        default=1e-3, ge=0, le=1, description="weight decay of α and β"
    )
    final_temperature: Temperature = 1.0
    meta_architecture_lr: float = Field(
        default=0.6, gt=0, le=10, description="pretraining: meta learning rate of α and β"
    )


class MicroBatchParameters(BaseModel):
    """Parts of a batch: less memory, and batch norm that sees fewer images at once."""

    micro_batches: int = Field(
        default=1,
        json_schema_extra=SEARCH_ONLY,
        ge=1,
        description="parts of a batch whose gradients accumulate; 1 for the whole batch",
    )
    micro_batch_images: int = Field(
        default=SMALLEST_PART,
        json_schema_extra=SEARCH_ONLY,
        ge=1,
        description=SMALLEST_PART_WORDS,
    )


class EngineChoice(BaseModel):
    """The choice of an engine, for methods that leave it open; it changes no result."""

    engine: EngineName = Field(
        default="ordinary",
        json_schema_extra=SEARCH_ONLY,
        description="exact gradients with all activations alive, one operation's, or one cell's "
        "phase after another; merged: all alive, in fewer and larger operations",
    )


class EngineParameters(MicroBatchParameters, EngineChoice):
    """How the gradients of a batch are computed: by which engine, in how many parts."""


EvaluatorName = Annotated[str, Field(pattern="^[a-z][a-z0-9]*(-[a-z0-9]+)*$")]


class EvaluatorParameters(SparseModel):
    """How a search without gradients evaluates an architecture.

    It may be `training`, `weights`, `table`, or the name of a zero-cost score. A parameters model
    of a method has the first of the subclasses among its bases, that of a black-box search the
    second; the harness then refuses what does not fit the space. The default is not written into
    keys and records.
    """

    SPARSE: ClassVar[frozenset[str]] = frozenset({"evaluator"})

    model_config = ConfigDict(frozen=True, extra="forbid")

    evaluator: EvaluatorName


class TrainingEvaluator(EvaluatorParameters):
    """The evaluator of a method that searches a supernet's space without gradients."""

    evaluator: EvaluatorName = Field(
        default="training",
        description="what tells how good an architecture is: a training of its own; weights, those "
        "of a supernet that all share; or a score, see `harness list scores`",
    )


class TableEvaluator(EvaluatorParameters):
    """The evaluator of a black-box search of a table's space."""

    SPARSE: ClassVar[frozenset[str]] = frozenset({"evaluator", "images", "batch"})

    evaluator: EvaluatorName = Field(
        default="table",
        description="what tells how good an architecture is: the table; or a score, see `harness "
        "list scores`, while the table tells the accuracy of what is found alone",
    )
    images: str = Field(
        default="cifar10",
        min_length=1,
        description="the data set whose training images a score is computed of",
    )
    batch: int = Field(default=64, ge=2, le=4096, description="how many of them")
