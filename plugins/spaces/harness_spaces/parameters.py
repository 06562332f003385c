"""The parameters of the table and of the searches."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from harness.experiment.setting import Count
from harness.search.parameters import TableEvaluator

__all__ = [
    "EvolutionParameters",
    "NasBench201TableParameters",
    "Nsga2Parameters",
    "PredictorParameters",
    "ReinforceParameters",
    "SearchedByParameters",
]


class FrozenParameters(BaseModel):
    """Parameters that never change, and have no field that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class NasBench201TableParameters(FrozenParameters):
    """Which accuracies a search is told, and where they are."""

    metric: Literal["cifar10", "cifar100", "imagenet16-120"] = Field(
        default="cifar10", description="the images whose validation accuracies are asked for"
    )
    latency: str | None = Field(
        default=None,
        pattern="^[a-z0-9_]{1,40}$",
        description="the device whose latencies are asked for, such as raspi4: a column raspi4_ms; "
        "all of them by `all`, for `harness correlate`",
    )
    path: Path | None = Field(
        default=None,
        description="the CSV file, packed or not; without it nasbench201.csv.gz of the data root",
    )


class SearchedByParameters(TableEvaluator, FrozenParameters):
    """What every search has: what it evaluates architectures by."""


class EvolutionParameters(SearchedByParameters):
    """The two sizes of regularized evolution."""

    population: Count = Field(default=30, description="architectures alive at once (P)")
    sample: Count = Field(
        default=10, description="of these, how many are drawn; the best becomes the parent (S)"
    )

    @model_validator(mode="after")
    def _sample_within_population(self) -> EvolutionParameters:
        if self.sample > self.population:
            raise ValueError(
                f"sample={self.sample} is more than population={self.population}, which it is "
                "drawn from"
            )
        return self


class Nsga2Parameters(SearchedByParameters):
    """The choices of NSGA-II that are not in its definition."""

    population: Annotated[int, Field(ge=2)] = Field(
        default=30, description="architectures that survive a selection"
    )
    children: Count = Field(
        default=1, description="architectures asked for from one selection to the next"
    )
    crossover: float = Field(
        default=0.0, ge=0, le=1, description="how likely two parents are crossed; else one is taken"
    )


class ReinforceParameters(SearchedByParameters):
    """How the policy learns."""

    learning_rate: float = Field(
        default=0.2, gt=0, le=10, description="of the policy, per point of advantage"
    )
    baseline_decay: float = Field(
        default=0.9, ge=0, lt=1, description="how much of the baseline stays after an answer"
    )


class PredictorParameters(SearchedByParameters):
    """How often the predictor is fitted, and what it chooses from."""

    start: Count = Field(default=20, description="architectures drawn at random before the first")
    batch: Count = Field(default=10, description="evaluations from one fit to the next")
    candidates: Count = Field(
        default=200, description="mutations of the best and random ones to choose a batch from"
    )
    length_scale: float = Field(
        default=3.0, gt=0, description="of the Gaussian process, in distances of encodings"
    )
