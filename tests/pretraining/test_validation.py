"""Where the curve of a pretraining has points, and what it costs."""

from __future__ import annotations

import pytest

from harness.experiment.pretraining import MetaBudget
from harness.pretraining.loop import is_point, tasks_a_point


def budget(meta_epochs: int, meta_tasks: int) -> MetaBudget:
    """A meta-budget of so many meta-epochs of so many tasks."""
    return MetaBudget(
        meta_epochs=meta_epochs,
        warmup_epochs=0,
        meta_tasks=meta_tasks,
        meta_steps=5,
        meta_shots=15,
        meta_batch=20,
        channels=8,
    )


def points(of: MetaBudget) -> list[int]:
    """After which meta-epochs the curve has a point."""
    return [done for done in range(1, of.meta_epochs + 1) if is_point(of, done)]


@pytest.mark.parametrize(
    ("meta_epochs", "meta_tasks", "count", "tasks"),
    [(1, 1, 1, 1), (2, 1, 1, 1), (60, 4, 3, 4), (1000, 10, 20, 25), (30_000, 10, 20, 25)],
)
def test_a_curve_costs_little(meta_epochs: int, meta_tasks: int, count: int, tasks: int) -> None:
    """One task is validated for about twenty that are learned, at twenty points or fewer."""
    of = budget(meta_epochs, meta_tasks)
    assert len(points(of)) == count
    assert tasks_a_point(of) == tasks


def test_the_last_point_is_at_the_end() -> None:
    """Points are evenly spread, and the last one shows what the checkpoint is worth."""
    assert points(budget(90, 4)) == [23, 45, 68, 90]
