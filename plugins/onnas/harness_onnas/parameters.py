"""The parameters of On-NAS; imports no torch."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.experiment.setting import Schedule
from harness.fields import SEARCH_ONLY
from harness.search.parameters import (
    SMALLEST_PART,
    SMALLEST_PART_WORDS,
    Coefficients,
    SearchParameters,
)
from harness.space.spec import OPERATIONS

__all__ = ["PAPER", "OnNasParameters"]

# What the paper says where our defaults differ; docs/onnas.md has the measurements behind them.
PAPER: dict[str, Any] = {
    "optimizer": "gradient-descent",  # algorithm 1
    "gradient": "selected",  # section 5.1: what is not selected keeps no activations
    "expectation": "gradients",  # Eq. 7
    "schedule": "constant",
    "phase_forward": "repeated",  # section 5.2
    "micro_batch_images": 1,  # the times of table 2 are those of parts of one image
}


class OnNasParameters(SearchParameters):
    """On-NAS's four mechanisms, each of which can be switched off.

    `q=7,g=all,step_by_step=false,micro_batches=1` is the full step on everything at once.
    `preset=paper` is the paper's procedure to the letter; other given parameters override it.
    """

    preset: Literal["measured", "paper"] = Field(
        default="measured",
        description="defaults chosen on validation tasks, or what the paper says to the letter",
    )
    schedule: Schedule | None = Field(
        default="late",
        json_schema_extra=SEARCH_ONLY,
        description="whether the learning rate of w falls to 0: not at all, over the whole search "
        "by half a cosine, or in its second half; none for the setting's, which is constant",
    )
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
    gradient: Literal["through", "selected"] = Field(
        default="through",
        json_schema_extra=SEARCH_ONLY,
        description="whether gradients pass through all operations on their way to what is "
        "selected, or through the selected ones only",
    )
    expectation: Literal["movements", "gradients"] = Field(
        default="movements",
        json_schema_extra=SEARCH_ONLY,
        description="what α and β are expected to go on with: how they have moved, or learning "
        "rate x gradient as in Eq. 7, which is the same under gradient descent",
    )
    trend_steps: int = Field(
        json_schema_extra=SEARCH_ONLY,
        default=3,
        ge=1,
        description="updates that make the expectation (t in Eq. 7, which the paper leaves open)",
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
        description=SMALLEST_PART_WORDS,
    )
    task_coefficients: Coefficients = Field(
        default="elementwise", description="pretraining: how tasks are weighed (Eq. 4)"
    )
    cell_coefficients: Coefficients = Field(
        default="elementwise", description="pretraining: how cells are weighed (Eq. 5)"
    )
    meta_cell_lr: float = Field(
        default=1.0, gt=0, le=10, description="pretraining: learning rate of the meta cell (δ)"
    )
    tied_cells: bool = Field(
        default=False,
        description="pretraining: whether the cells share their weights already while a task is "
        "learned, not only from one meta-epoch to the next",
    )

    @model_validator(mode="before")
    @classmethod
    def _apply_preset(cls, given: Any) -> Any:
        if isinstance(given, dict) and given.get("preset") == "paper":
            return {**PAPER, **given}
        return given
