"""The parameters that every gradient-based search method has."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.fields import SEARCH_ONLY

__all__ = [
    "SMALLEST_PART",
    "EngineName",
    "EngineParameters",
    "PretrainingParameters",
    "SearchParameters",
    "Temperature",
    "WeightParameters",
]

SMALLEST_PART = 3
"""Images that a part of a batch has at least.

Batch norm makes each channel zero on average over a part, so that global average pooling gives zero
for a lone image, and for two images opposite numbers, whatever the weights are.
"""

EngineName = Literal["ordinary", "streamed", "step_by_step"]
"""How gradients are computed, see `harness.search.engines`."""

Temperature = Annotated[
    float,
    Field(
        gt=0,
        le=1,
        description="temperature of the softmax over α and β at the last step; it starts at 1",
    ),
]


class WeightParameters(BaseModel):
    """What it takes to train w; the defaults are those of the paper's reference settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight_lr: float = Field(default=0.01, gt=0, le=10, description="learning rate of w")


class PretrainingParameters(WeightParameters):
    """What it takes to meta-learn w; likewise."""

    meta_weight_lr: float = Field(
        default=1.0, gt=0, le=10, description="pretraining: meta learning rate of w"
    )
    drop_path: float = Field(
        default=0.2,
        ge=0,
        lt=1,
        description="pretraining: probability that an image misses an operation",
    )


class SearchParameters(PretrainingParameters):
    """Learning rates and temperature; the defaults are those of the paper's reference settings."""

    architecture_lr: float = Field(
        default=0.01, gt=0, le=10, description="learning rate of α and β"
    )
    architecture_decay: float = Field(
        default=1e-3, ge=0, le=1, description="weight decay of α and β"
    )
    final_temperature: Temperature = 1.0
    meta_architecture_lr: float = Field(
        default=0.6, gt=0, le=10, description="pretraining: meta learning rate of α and β"
    )


class EngineParameters(BaseModel):
    """The choice of an engine, for methods that leave it open; it changes no result."""

    engine: EngineName = Field(
        default="ordinary",
        json_schema_extra=SEARCH_ONLY,
        description="exact gradients with all activations alive, one operation's, or one cell's "
        "phase after another",
    )
