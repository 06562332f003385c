"""Rules for what a search method costs: passes over the batches, memory, and its estimate."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from harness.conformance.rule import BrokenRuleError, Rule, Subject
from harness.conformance.trials import (
    BUDGET,
    SETTING,
    SHORTEST,
    NoiseImages,
    begin,
    budget_for,
    context_for,
    run,
    support_of,
)
from harness.contracts import DatasetForm, SearchBatch
from harness.estimates.estimates import estimate
from harness.loop.guards import BudgetExceededError
from harness.tracing.search import Search

__all__ = ["BUDGET_IS_RESPECTED", "ESTIMATE_EQUALS_COUNT", "MEMORY_IS_RELEASED"]

# A method does as many passes as it is asked for, and stops when the harness says so.


@dataclass
class _Pass:
    """The batches of one search step; it notes which were taken, and can end too early."""

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


def _check_budget(subject: Subject) -> None:
    pairs = support_of(shots=4)  # a batch of fifteen images, and one of five
    budget = budget_for(subject)
    method = begin(subject, context_for(budget=budget))
    for step in range(budget.search_steps):
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


BUDGET_IS_RESPECTED = Rule(
    "budget-is-respected",
    "a search step goes through its batches once, all of them, and lets the error pass that ends "
    "it when the budget is used up",
    _check_budget,
)


# What a task took is given back before the next one begins.


TASKS = 3


def _check_memory(subject: Subject) -> None:
    """Count memory that stays alive between tasks; what is made once for all of them may stay."""
    live = run(subject, budget=SHORTEST.model_copy(update={"tasks": TASKS})).live_bytes
    if live[-1] > live[1]:
        raise BrokenRuleError(
            f"{live[-1] - live[1]:,} bytes more were alive before task {TASKS} than before task 2"
        )


MEMORY_IS_RELEASED = Rule(
    "memory-is-released",
    "once a task is over and its method is gone, so are the tensors that it made: from one task "
    "to the next no more bytes stay alive",
    _check_memory,
)


# What is estimated from shapes is what a trial counts, of more than one step.


def _check_estimate(subject: Subject) -> None:
    selection = subject.selection
    search = Search(
        method=selection.name,
        params=selection.params,
        label=selection.label,
        dataset="noise",
        form=DatasetForm("few-shot", NoiseImages.image_shape),
        setting=SETTING,
        budget=BUDGET,
        seed=0,
        devices=(),
    )
    estimated = estimate(search)
    if estimated.error:
        raise BrokenRuleError(f"its estimate failed: {estimated.error}", estimated.error)
    counted = run(subject, budget=BUDGET).session
    lowest, highest = estimated.lowest_bytes or 0, estimated.peak_bytes or 0
    if counted.peak_bytes is None or not lowest <= counted.peak_bytes <= highest:
        band = f"{highest:,}" if lowest == highest else f"{lowest:,} to {highest:,}"
        raise BrokenRuleError(
            f"a trial counted {counted.peak_bytes or 0:,} bytes of peak memory, and {band} were "
            "estimated"
        )
    # What is stored may be one of several candidates, by their losses.
    if lowest == highest and counted.storage_bytes != estimated.storage_bytes:
        raise BrokenRuleError(
            f"a trial stores {counted.storage_bytes or 0:,} bytes, and "
            f"{estimated.storage_bytes or 0:,} were estimated"
        )


ESTIMATE_EQUALS_COUNT = Rule(
    "estimate-equals-count",
    "peak memory and storage, estimated from shapes alone on torch's meta device, are what a trial "
    "counts, to the byte; where a method's choices depend on values, peak memory within the range",
    _check_estimate,
)
