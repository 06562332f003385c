"""A method does as many passes as it is asked for, and stops when the harness says so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import BUDGET, begin, context_for, support_of
from harness.contracts import SearchBatch
from harness.trials.guards import BudgetExceededError

__all__ = ["RULE"]


@dataclass
class _Pass:
    """The batches of one search step, which notes what is taken, and may end too early."""

    pairs: Sequence[SearchBatch]
    ends_after: int | None = None
    taken: list[int] = field(default_factory=list)
    begun: int = 0

    def __iter__(self) -> Iterator[SearchBatch]:
        self.begun += 1
        for number, pair in enumerate(self.pairs):
            if number == self.ends_after:
                raise BudgetExceededError("the budget is used up")
            self.taken.append(number)
            yield pair


def _check(subject: Subject) -> None:
    pairs = support_of(shots=4)  # fifteen images, and five
    method = begin(subject, context_for())
    for step in range(BUDGET.search_steps):
        one_pass = _Pass(pairs)
        method.search_step(one_pass)
        _check_pass(one_pass, step + 1)
    _check_end(subject, pairs)


def _check_pass(one_pass: _Pass, step: int) -> None:
    if one_pass.begun != 1:
        raise BrokenRuleError(f"search step {step} went through its batches {one_pass.begun} times")
    taken, there = len(one_pass.taken), len(one_pass.pairs)
    if taken != there:
        raise BrokenRuleError(f"search step {step} took {taken} of its {there} batches")


def _check_end(subject: Subject, pairs: Sequence[SearchBatch]) -> None:
    """End the budget in the middle of a step, as the wall clock does."""
    try:
        begin(subject, context_for()).search_step(_Pass(pairs, ends_after=1))
    except BudgetExceededError:
        return
    raise BrokenRuleError(
        "the budget was used up in the middle of a search step, and the step caught the "
        "BudgetExceededError that its batches raised"
    )


RULE = Rule(
    "budget-is-respected",
    "a search step goes through its batches once, all of them, and lets the error pass that ends "
    "it when the budget is used up",
    _check,
)
