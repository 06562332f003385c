"""What a trial may use, and the budgets that have names."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["NAMED_BUDGETS", "Budget"]

Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]


class Budget(BaseModel):
    """What one trial may use; the harness enforces it from outside the method.

    `channels` belongs to the budget because it scales every cost; left open, it is the paper's:
    28 for few-shot tasks, 16 for a full task (section 6.2).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    meta_epochs: CountOrNone = Field(default=0, description="meta-epochs of pretraining")
    warmup_epochs: CountOrNone = Field(
        default=0, description="of these, meta-epochs in which only w learns"
    )
    search_steps: Count = Field(default=10, description="search steps on each few-shot task")
    epochs: Count = Field(default=50, description="epochs of a full task")
    tasks: Count = Field(default=100, description="few-shot tasks a seed")
    wall_clock_s: float | None = Field(default=None, gt=0, description="seconds a trial may take")
    memory_mb: float | None = Field(default=None, gt=0, description="MiB of tensors alive at once")
    channels: Count | None = Field(default=None, description="channels C of a cell")


NAMED_BUDGETS: dict[str, Budget] = {
    # Seconds on two cores: shows that everything works, says nothing about accuracy.
    "quick": Budget(search_steps=5, tasks=4, channels=8),
    # Minutes on two cores.
    "small": Budget(search_steps=10, tasks=20, channels=8),
    # The paper's on-device search (section 6.2) at full width.
    "paper": Budget(search_steps=10, tasks=100, epochs=50),
}
