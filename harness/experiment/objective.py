"""What a black-box search is to find: the most accurate, the best by a formula, or a front."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import isfinite
from typing import ClassVar, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat

from harness.canonical import SparseModel
from harness.errors import UnknownNameError, UsageError

__all__ = ["COST_UNITS", "Cost", "Objective", "Weight", "parse_objective"]

Cost = Literal["latency", "flops", "parameters"]
"""What an architecture costs, by the name of its metric."""

COST_UNITS: dict[Cost, str] = {"latency": "ms", "flops": "MFLOP", "parameters": "M"}


_NUMBER = r"\s*(-?[0-9.]+(?:e-?[0-9]+)?)\s*"
_WEIGHTED = re.compile(rf"accuracy\s*\*\s*\(\s*(\w+)\s*/{_NUMBER}\)\s*\^{_NUMBER}")
_FORMS = (
    "accuracy; accuracy,COST for a front, such as accuracy,latency; or accuracy*(COST/T)^W, such "
    "as accuracy*(latency/20)^-0.07"
)


class Weight(BaseModel):
    """A factor (cost / target) ^ exponent beside the accuracy (Tan et al., 2019, section 3)."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    cost: Cost = Field(description="what is weighed against accuracy")
    target: PositiveFloat = Field(description="T, where the factor is 1; in the unit of its metric")
    exponent: float = Field(ge=-10, lt=0, description="w; the paper has -0.07")

    def __str__(self) -> str:
        """Write it as people type it, behind the accuracy."""
        return f"*({self.cost}/{self.target:g})^{self.exponent:g}"


class Objective(SparseModel):
    """What is to be found, and within which limits; by default the most accurate of all.

    Latencies are in ms, FLOPs in millions, parameters in millions, as the metrics are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    SPARSE: ClassVar[frozenset[str]] = frozenset({"front", "weight", "limits"})

    front: tuple[Cost, ...] = Field(
        default=(), description="costs that are to be low while accuracy is high: a Pareto front"
    )
    weight: Weight | None = Field(default=None, description="of one number made of both")
    limits: dict[Cost, PositiveFloat] = Field(
        default={}, description="the most of each cost that an answer may have"
    )

    @property
    def costs(self) -> tuple[Cost, ...]:
        """What has to be known of an architecture beside its accuracy, each once."""
        weighed = [self.weight.cost] if self.weight else []
        return tuple(dict.fromkeys((*self.front, *weighed, *self.limits)))

    @property
    def goal(self) -> str:
        """What is to be found, as people type it; without the limits."""
        return ",".join(("accuracy", *self.front)) + (str(self.weight) if self.weight else "")

    def __str__(self) -> str:
        """Return the goal, if it is not accuracy alone, and the limits; empty without either."""
        goal = [] if self.goal == "accuracy" else [self.goal]
        return ", ".join([*goal, *(f"{cost}≤{most:g}" for cost, most in self.limits.items())])


def parse_objective(text: str, limits: str = "") -> Objective:
    """Read `accuracy`, `accuracy,latency` or `accuracy*(latency/20)^-0.07`, and `latency=20,...`.

    Raises:
        UsageError: it is none of these forms, names a cost that there is not, or a number is out
            of range.
    """
    bounds = dict(_limit(word, limits) for word in limits.split(",") if word.strip())
    goal = text.strip()
    if match := _WEIGHTED.fullmatch(goal):
        weight = Weight(
            cost=_cost(match[1], text),
            target=_number(match[2], text, lambda it: it > 0, "T must be more than 0"),
            exponent=_number(match[3], text, lambda it: -10 <= it < 0, "W must be from -10 to 0"),
        )
        return Objective(weight=weight, limits=bounds)
    first, *others = (word.strip() for word in goal.split(","))
    if first != "accuracy" or "" in others or re.search(r"[*^/()]", goal):
        raise UsageError(f"objective '{text:.80}' cannot be read; write {_FORMS}")
    front = tuple(_cost(word, text) for word in others)
    if len(set(front)) < len(front):
        raise UsageError(f"objective '{text:.80}' names a cost twice")
    return Objective(front=front, limits=bounds)


def _cost(word: str, text: str) -> Cost:
    for cost in get_args(Cost):
        if word == cost:
            found: Cost = cost
            return found
    raise UnknownNameError("cost", word, get_args(Cost), f" in '{text:.80}'")


def _limit(word: str, text: str) -> tuple[Cost, float]:
    name, equals, most = (part.strip() for part in word.partition("="))
    if not equals:
        raise UsageError(f"limits '{text:.80}': '{word}' is not of the form COST=MOST")
    return _cost(name, text), _number(most, text, lambda it: it > 0, "a limit must be more than 0")


def _number(word: str, text: str, is_fine: Callable[[float], bool], rule: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = float("nan")
    if not isfinite(number) or not is_fine(number):
        raise UsageError(f"'{word:.40}' in '{text:.80}' is out of place: {rule}")
    return number
