"""Budgets: what a trial may use. Their names, how people type them, and how two differ."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import ClassVar

from pydantic import ConfigDict, Field, NonNegativeInt, ValidationError, model_validator

from harness.canonical import SparseModel
from harness.errors import UnknownNameError, UsageError
from harness.experiment.setting import (
    Count,
    FewShotSetting,
    FullTaskSetting,
    Setting,
    TabularSetting,
)
from harness.fields import explain, field_schemas, value_of

__all__ = [
    "EVALUATIONS",
    "NAMED_BUDGETS",
    "SETTINGS",
    "Budget",
    "budget_label",
    "parse_budget",
    "parse_seeds",
    "scaled_keys",
    "scaled_sentence",
    "used_keys",
]


EVALUATIONS = 100  # of a black-box search whose budget leaves it open


class Budget(SparseModel):
    """What one trial may use; the harness enforces it from outside the method.

    `channels` belongs to the budget because it scales every cost; left open, it is the paper's:
    28 for few-shot tasks, 16 for a full task (section 6.2).
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    SPARSE: ClassVar[frozenset[str]] = frozenset({"finish_epochs", "evaluations"})

    meta_epochs: NonNegativeInt = Field(default=0, description="meta-epochs of pretraining")
    warmup_epochs: NonNegativeInt = Field(
        default=0, description="of these, meta-epochs in which only w learns"
    )
    meta_tasks: Count = Field(default=10, description="tasks a meta-epoch")
    meta_steps: Count = Field(default=5, description="inner steps on each of these tasks")
    meta_shots: Count = Field(default=15, description="training images a class of these tasks")
    meta_batch: Count = Field(default=20, description="training images a batch of these tasks")
    search_steps: Count = Field(default=10, description="search steps on each few-shot task")
    epochs: Count = Field(default=50, description="epochs of a full task")
    finish_epochs: NonNegativeInt = Field(
        default=0, description="of these, epochs in which the derived network learns alone"
    )
    tasks: Count = Field(default=100, description="few-shot tasks a seed")
    wall_clock_s: float | None = Field(default=None, gt=0, description="seconds a trial may take")
    memory_mb: float | None = Field(default=None, gt=0, description="MiB of tensors alive at once")
    channels: Count | None = Field(default=None, description="channels C of a cell")
    evaluations: Count | None = Field(
        default=None, description="architectures that a black-box search asks for"
    )

    @model_validator(mode="after")
    def _warm_up_within_meta_epochs(self) -> Budget:
        if self.warmup_epochs > self.meta_epochs:
            raise ValueError(
                f"warmup_epochs={self.warmup_epochs} are more than meta_epochs={self.meta_epochs}, "
                "of which they are a part"
            )
        return self

    @model_validator(mode="after")
    def _finish_within_epochs(self) -> Budget:
        if self.finish_epochs and self.finish_epochs >= self.epochs:
            raise ValueError(
                f"finish_epochs={self.finish_epochs} leave none of epochs={self.epochs} to search "
                "in"
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

# What bounds a trial, and does not change what it does within the bounds.
BOUNDS = {"wall_clock_s", "memory_mb"}
# What only one kind of task uses.
UNUSED = {
    "few-shot": {"epochs", "finish_epochs", "evaluations"},
    "full-task": {
        "meta_epochs", "warmup_epochs", "meta_tasks", "meta_steps", "meta_shots", "meta_batch",
        "search_steps", "tasks", "evaluations",
    },
    "tabular": {
        "meta_epochs", "warmup_epochs", "meta_tasks", "meta_steps", "meta_shots", "meta_batch",
        "search_steps", "epochs", "finish_epochs", "tasks", "channels", "memory_mb",
    },
}  # fmt: skip
SETTINGS: dict[str, Setting] = {
    "few-shot": FewShotSetting(),
    "full-task": FullTaskSetting(),
    "tabular": TabularSetting(),
}


@cache
def budget_label(budget: Budget, kind: str) -> str:
    """Name a budget as people type it: the nearest named one, and what differs from it.

    Args:
        budget: what a trial was allowed.
        kind: of task, such as `few-shot`; what that does not use is left out.
    """
    bases = {**NAMED_BUDGETS, "": Budget()}  # keys alone change the default
    if kind == "tabular":  # no named one says how many evaluations
        bases = {"": Budget()}
    near = {name: _differing(budget, base, kind, bounds=True) for name, base in bases.items()}
    name = min(near, key=lambda each: len(near[each]))
    changes = [f"{key}={ours:g}" for key, (ours, _) in near[name].items()]
    return ",".join([name, *changes] if name else changes) or "default"


def scaled_keys(budget: Budget, published: Budget, kind: str) -> dict[str, tuple[float, float]]:
    """Return the keys in which a budget differs from the published one, with both values."""
    return _differing(budget, published, kind, bounds=False)


def _differing(
    budget: Budget, other: Budget, kind: str, *, bounds: bool
) -> dict[str, tuple[float, float]]:
    """Return the keys in use whose values differ, with both values.

    A bound that `other` lacks counts as infinite, and any other key that it lacks as 0. Without
    `bounds`, those are not compared.
    """
    ours, theirs = used_keys(budget, kind), used_keys(other, kind)
    keys = [key for key in ours if bounds or key not in BOUNDS]
    return {
        key: (ours[key], theirs.get(key, float("inf") if key in BOUNDS else 0))
        for key in keys
        if ours[key] != theirs.get(key)
    }


def used_keys(budget: Budget, kind: str) -> dict[str, float]:
    """Return the keys that tasks of this kind use, with the width that is really used."""
    values = budget.model_dump(exclude=UNUSED[kind])
    if "channels" in values:
        values["channels"] = values["channels"] or SETTINGS[kind].default_channels
    return {key: value for key, value in values.items() if value is not None}


def scaled_sentence(scaled: Iterable[Mapping[str, tuple[float, float]]]) -> str:
    """Say in one sentence how budgets differ from the published ones.

    Args:
        scaled: for each budget the keys that differ, with our value and the published one.
    """
    values: dict[str, tuple[set[float], set[float]]] = {}
    for keys in scaled:
        for key, both in keys.items():
            for kept, value in zip(values.setdefault(key, (set(), set())), both, strict=True):
                kept.add(value)
    told = [f"{key} {_either(a)} (published {_either(b)})" for key, (a, b) in values.items()]
    return f"Scaled budget: {', '.join(told)}."


def _either(values: Iterable[float]) -> str:
    return " or ".join(f"{value:,g}" for value in sorted(values))


MAX_SEEDS = 1000


def parse_budget(text: str) -> Budget:
    """Read `NAME`, `key=value,...` or `NAME,key=value,...`.

    `meta_epochs=0` sets `warmup_epochs=0` as well, since warm-up epochs are meta-epochs.

    Raises:
        UsageError: an unknown name or key (the message has the nearest), or a value out of range.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise UsageError(f"the budget '{text}' is empty; give a name or key=value pairs")
    base = Budget()
    if "=" not in words[0]:
        base = _named(words.pop(0))
    schemas = field_schemas(Budget)
    pairs = dict(_pair(word, text) for word in words)
    changes = {key: value_of(value, schemas[key]) for key, value in pairs.items()}
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
        raise UsageError(f"budget '{text}': '{word}' is not a key=value pair")
    if key not in Budget.model_fields:
        raise UnknownNameError("budget key", key, Budget.model_fields)
    return key, value
