"""Budgets in words."""

from __future__ import annotations

import pytest

from harness.experiment.budget import budget_label, parse_budget, scaled_keys


@pytest.mark.parametrize(
    "text", ["quick", "small,tasks=5", "paper", "paper,wall_clock_s=20", "search_steps=3,tasks=3"]
)
def test_a_budget_is_called_as_it_was_typed(text: str) -> None:
    """The label of a budget can be typed, and is the nearest name with what differs from it."""
    assert budget_label(parse_budget(text), "few-shot") == text


def test_the_width_that_was_left_open_is_the_papers() -> None:
    """A record spells out the channels that its budget left open; that changes no name."""
    assert budget_label(parse_budget("paper,channels=28"), "few-shot") == "paper"
    assert budget_label(parse_budget("paper,channels=16"), "full-task") == "paper"


def test_only_what_a_task_uses_is_compared() -> None:
    """Epochs are of full tasks, search steps of few-shot tasks; bounds scale nothing."""
    paper, other = parse_budget("paper"), parse_budget("paper,epochs=5,wall_clock_s=20,tasks=7")
    assert scaled_keys(other, paper, "few-shot") == {"tasks": (7, 100)}
    assert scaled_keys(other, paper, "full-task") == {"epochs": (5, 50)}
