"""The parameters of On-NAS; imports no torch."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from harness.fields import SEARCH_ONLY
from harness.search.parameters import SMALLEST_PART, SearchParameters
from harness.space.topology import OPERATIONS

__all__ = ["OnNasParameters"]


class OnNasParameters(SearchParameters):
    """On-NAS's four mechanisms, each of which can be switched off.

    `q=7,g=all,step_by_step=false,micro_batches=1` is the full step on everything at once.
    """

    q: int = Field(
        json_schema_extra=SEARCH_ONLY,
        default=2,
        ge=1,
        le=len(OPERATIONS),
        description="operations updated on each edge a search step",
    )
    g: Annotated[int, Field(ge=1)] | Literal["all"] = Field(
        default=1,
        json_schema_extra=SEARCH_ONLY,
        description="edge pairs updated at each node a search step, or `all`",
    )
    explore: float = Field(
        json_schema_extra=SEARCH_ONLY,
        default=0.2,
        ge=0,
        le=1,
        description="probability of a random choice instead of the expected best",
    )
    trend_steps: int = Field(
        json_schema_extra=SEARCH_ONLY,
        default=3,
        ge=1,
        description="search steps whose gradients make the expectation (t in Eq. 7, which the "
        "paper leaves open)",
    )
    step_by_step: bool = Field(
        json_schema_extra=SEARCH_ONLY,
        default=True,
        description="back-propagate one cell at a time, keeping one cell's activations",
    )
    phase_forward: Literal["stored", "repeated"] = Field(
        json_schema_extra=SEARCH_ONLY,
        default="stored",
        description="step by step: keep the cells' outputs, or run forward again for each phase",
    )
    micro_batches: int = Field(
        json_schema_extra=SEARCH_ONLY,
        default=5,
        ge=1,
        description="parts of a batch whose gradients accumulate; 1 for the whole batch",
    )
    micro_batch_images: int = Field(
        default=SMALLEST_PART,
        json_schema_extra=SEARCH_ONLY,
        ge=1,
        description="images that each part has at least; batch norm leaves nothing to learn from "
        "fewer than three, but the paper's times are those of parts of one",
    )
    final_temperature: float = Field(
        default=0.1,
        gt=0,
        le=1,
        description="temperature of the softmax over α and β at the last step; it starts at 1",
    )
    task_coefficients: bool = Field(
        default=True, description="pretraining: weigh tasks element-wise (Eq. 4); else alike"
    )
    cell_coefficients: bool = Field(
        default=True, description="pretraining: weigh cells element-wise (Eq. 5); else alike"
    )
    meta_cell_lr: float = Field(
        default=1.0, gt=0, le=10, description="pretraining: learning rate of the meta cell (δ)"
    )
