"""What a trial may use, and the budgets that have names."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

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
    meta_tasks: Count = Field(default=10, description="tasks a meta-epoch")
    meta_steps: Count = Field(default=5, description="inner steps on each of these tasks")
    meta_shots: Count = Field(default=15, description="training images a class of these tasks")
    meta_batch: Count = Field(default=20, description="training images a batch of these tasks")
    search_steps: Count = Field(default=10, description="search steps on each few-shot task")
    epochs: Count = Field(default=50, description="epochs of a full task")
    tasks: Count = Field(default=100, description="few-shot tasks a seed")
    wall_clock_s: float | None = Field(default=None, gt=0, description="seconds a trial may take")
    memory_mb: float | None = Field(default=None, gt=0, description="MiB of tensors alive at once")
    channels: Count | None = Field(default=None, description="channels C of a cell")

    @model_validator(mode="after")
    def _warm_up_within_meta_epochs(self) -> Budget:
        if self.warmup_epochs > self.meta_epochs:
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs} are more than meta_epochs={self.meta_epochs}, "
                "of which they are a part"
            )
        return self


NAMED_BUDGETS: dict[str, Budget] = {
    # Seconds on two cores: shows that everything works, says nothing about accuracy.
    "quick": Budget(
        meta_epochs=2,
        warmup_epochs=1,
        meta_tasks=1,
        meta_steps=1,
        meta_shots=4,
        meta_batch=10,
        search_steps=5,
        epochs=1,
        tasks=4,
        channels=8,
    ),
    # Minutes on two cores. Few inner updates, each on other images: Reptile learns what is common
    # to the batches of a task (Nichol et al., 2018, section 5), so that repeating one is wasted.
    "small": Budget(
        meta_epochs=30,
        warmup_epochs=24,
        meta_tasks=3,
        meta_steps=1,
        meta_shots=10,
        meta_batch=10,
        search_steps=10,
        epochs=2,
        tasks=20,
        channels=8,
    ),
    # A night on two cores, or an hour on a GPU.
    "medium": Budget(meta_epochs=1000, warmup_epochs=500, epochs=25, tasks=100),
    # Section 6.2: meta-learning with the settings of the reference configuration, at full width.
    "paper": Budget(meta_epochs=30_000, warmup_epochs=15_000, epochs=50, tasks=100),
}
