"""The parameters that every gradient-based search method has."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["SearchParameters"]


class SearchParameters(BaseModel):
    """Learning rates and temperature; the defaults are those of the paper's reference settings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    weight_lr: float = Field(default=0.01, gt=0, le=10, description="learning rate of w")
    architecture_lr: float = Field(
        default=0.01, gt=0, le=10, description="learning rate of α and β"
    )
    architecture_decay: float = Field(
        default=1e-3, ge=0, le=1, description="weight decay of α and β"
    )
    final_temperature: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="temperature of the softmax over α and β at the last step; it starts at 1",
    )
