"""What a trial may use, the budgets that have names, and the short forms people type."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.errors import UnknownNameError, UsageError
from harness.fields import explain

__all__ = ["NAMED_BUDGETS", "Budget", "parse_budget", "parse_seeds"]

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


MAX_SEEDS = 1000


def parse_budget(text: str) -> Budget:
    """Read `NAME`, `key=value,...` or `NAME,key=value,...`.

    Without meta-epochs none of them can warm up: `meta_epochs=0` alone is enough.

    Raises:
        UsageError: an unknown name or key (the message has the nearest), or a value out of range.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise UsageError(f"the budget '{text}' is empty; give a name or key=value pairs")
    base = Budget()
    if "=" not in words[0]:
        base = _named(words.pop(0))
    changes = dict(_pair(word, text) for word in words)
    if changes.get("meta_epochs") == "0":
        changes.setdefault("warmup_epochs", "0")
    try:
        return Budget.model_validate({**base.model_dump(), **changes})
    except ValidationError as error:
        raise UsageError(f"budget '{text}': {explain(error, Budget)}") from None


def parse_seeds(text: str) -> list[int]:
    """Read `3`, `0-2` or `0,4,7-9` into the seeds in the order given, each once.

    Raises:
        UsageError: it is none of these, or names more than 1,000 seeds.
    """
    seeds: list[int] = []
    for word in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", word)
        if not match:
            raise UsageError(f"seeds '{text}' cannot be read; write them as 3, 0-2 or 0,4,7-9")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"seeds '{text}': {first}-{last} runs backwards")
        if last - first >= MAX_SEEDS:
            raise UsageError(f"seeds '{text}' are more than {MAX_SEEDS:,}")
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))


def _named(name: str) -> Budget:
    if name not in NAMED_BUDGETS:
        raise UnknownNameError("budget", name, NAMED_BUDGETS)
    return NAMED_BUDGETS[name]


def _pair(word: str, text: str) -> tuple[str, str]:
    key, equals, value = (part.strip() for part in word.partition("="))
    if not equals or not value:
        raise UsageError(f"budget '{text}': '{word}' is no key=value pair")
    if key not in Budget.model_fields:
        raise UnknownNameError("budget key", key, Budget.model_fields)
    return key, value
