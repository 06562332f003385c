"""The lines under a picture: what its marks mean, what budget it stands for, what is not in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.experiment.budget import NAMED_BUDGETS
from harness.report.budgets import scaled_keys
from harness.report.pictures.points import Source
from harness.results.record import Record

__all__ = ["budget_notes", "source_notes"]

SOURCES: dict[Source, str] = {
    "measured": "Filled marks: measured on the device.",
    "emulated": "Hollow marks: emulated; computed on another machine, memory counted and held to "
    "the device's limit.",
    "predicted": "Hollow marks: predicted, from shapes or by the device's cost model; not read "
    "from a device.",
}
COSTS = {
    "search_steps": "search steps a task",
    "epochs": "epochs",
    "tasks": "tasks a seed",
    "meta_epochs": "meta-epochs",
    "channels": "channels",
}


def source_notes(sources: Iterable[Source]) -> list[str]:
    """Say what filled and hollow marks are, for those that occur."""
    found = set(sources)
    return [words for source, words in SOURCES.items() if source in found]


def budget_notes(records: Sequence[Record]) -> list[str]:
    """Say how far the budget is scaled from the paper's; nothing where it is not."""
    used = {(record.budget.allowed, record.dataset.kind): None for record in records}
    if len({budget for budget, _ in used}) > 1:
        return ["Several budgets: titles of panels say which."]
    scaled = {
        f"{ours:,.10g} {COSTS[key]} (paper: {paper:,.10g})": None
        for budget, kind in used
        for key, (ours, paper) in scaled_keys(budget, NAMED_BUDGETS["paper"], kind).items()
        if key in COSTS
    }
    return [f"Scaled budget: {', '.join(scaled)}."] if scaled else []
