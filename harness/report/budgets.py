"""Budgets in words: by the nearest name, and how one differs from the budget of a publication."""

from __future__ import annotations

from harness.experiment.budget import NAMED_BUDGETS, Budget
from harness.experiment.setting import FewShotSetting, FullTaskSetting, Setting

__all__ = ["budget_label", "scaled_keys", "used_keys"]

# What bounds a trial, and does not change what it does within the bounds.
BOUNDS = {"wall_clock_s", "memory_mb"}
# What only one kind of task uses.
UNUSED = {
    "few-shot": {"epochs"},
    "full-task": {
        "meta_epochs", "warmup_epochs", "meta_tasks", "meta_steps", "meta_shots", "meta_batch",
        "search_steps", "tasks",
    },
}  # fmt: skip
SETTINGS: dict[str, Setting] = {"few-shot": FewShotSetting(), "full-task": FullTaskSetting()}


def budget_label(budget: Budget, kind: str) -> str:
    """Name a budget as people type it: the nearest named one, and what differs from it.

    Args:
        budget: what a trial was allowed.
        kind: of task, `few-shot` or `full-task`; what that does not use is left out.
    """
    bases = {**NAMED_BUDGETS, "": Budget()}  # keys alone change the default
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
    """Compare what is used; a missing bound differs from every number, and is left out."""
    ours, theirs = used_keys(budget, kind), used_keys(other, kind)
    keys = [key for key in ours if bounds or key not in BOUNDS]
    return {
        key: (ours[key], theirs.get(key, float("inf")))
        for key in keys
        if ours[key] != theirs.get(key)
    }


def used_keys(budget: Budget, kind: str) -> dict[str, float]:
    """Return the keys that tasks of this kind use, with the width that is really used."""
    values = budget.model_dump(exclude=UNUSED[kind])
    values["channels"] = values["channels"] or SETTINGS[kind].default_channels
    return {key: value for key, value in values.items() if value is not None}
