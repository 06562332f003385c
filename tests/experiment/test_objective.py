"""Objectives are read from what people type, and say themselves in the same words."""

from __future__ import annotations

import pytest

from harness.errors import UsageError
from harness.experiment.objective import Objective, Weight, parse_objective
from harness.experiment.setting import TabularSetting


@pytest.mark.parametrize(
    ("text", "limits", "objective"),
    [
        ("accuracy", "", Objective()),
        ("accuracy,latency", "", Objective(front=("latency",))),
        ("accuracy, flops , parameters", "", Objective(front=("flops", "parameters"))),
        (
            "accuracy*(latency/20)^-0.07",
            "",
            Objective(weight=Weight(cost="latency", target=20, exponent=-0.07)),
        ),
        (
            " accuracy * ( flops / 5e1 ) ^ -1 ",
            "latency=20, parameters=0.5",
            Objective(
                weight=Weight(cost="flops", target=50, exponent=-1),
                limits={"latency": 20, "parameters": 0.5},
            ),
        ),
    ],
)
def test_objectives_are_read(text: str, limits: str, objective: Objective) -> None:
    """Each of the three forms, with blanks or without; JSON has all of it."""
    assert parse_objective(text, limits) == objective
    assert parse_objective(objective.goal, limits) == objective
    assert Objective.model_validate_json(objective.model_dump_json()) == objective


@pytest.mark.parametrize(
    ("text", "limits", "message"),
    [
        ("latency", "", "cannot be read; write accuracy;"),
        ("accuracy,", "", "cannot be read"),
        ("accuracy,latency,latency", "", "names a cost twice"),
        ("accuracy,latncy", "", "did you mean 'latency'"),
        ("accuracy*(latency/0)^-1", "", "T must be more than 0"),
        ("accuracy*(latency/5)^0.5", "", "W must be from -10 to 0"),
        ("accuracy*(latency/5..1)^-1", "", "T must be more than 0"),
        ("accuracy*(latency/20)**-1", "", "cannot be read"),
        ("__import__('os').getcwd()", "", "cannot be read"),
        ("accuracy", "latency", "is not of the form COST=MOST"),
        ("accuracy", "latency=-1", "a limit must be more than 0"),
        ("accuracy", "latency=inf", "a limit must be more than 0"),
        ("accuracy", "memory=9", "unknown cost 'memory'"),
    ],
)
def test_what_is_no_objective_is_refused(text: str, limits: str, message: str) -> None:
    """One sentence says what is wrong; nothing is evaluated."""
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        parse_objective(text, limits)


def test_a_formula_is_said_where_it_is_not_the_default() -> None:
    """Accuracy alone says nothing, so that settings and keys are as they were before."""
    assert str(Objective()) == ""
    assert str(parse_objective("accuracy,latency", "flops=9")) == "accuracy,latency, flops≤9"
    assert "objective" not in TabularSetting().model_dump()
