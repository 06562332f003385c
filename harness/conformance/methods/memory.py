"""What a task took is given back before the next one begins."""

from __future__ import annotations

from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import SHORTEST, run

__all__ = ["RULE"]

TASKS = 3


def _check(subject: Subject) -> None:
    """Count what lives between tasks; what is made once and kept for good may stay."""
    live = run(subject, budget=SHORTEST.model_copy(update={"tasks": TASKS})).live_bytes
    if live[-1] > live[1]:
        raise BrokenRuleError(
            f"{live[-1] - live[1]:,} bytes more were alive before task {TASKS} than before task 2"
        )


RULE = Rule(
    "memory-is-released",
    "once a task is over and its method is gone, so are the tensors that it made: from one task "
    "to the next no more bytes stay alive",
    _check,
)
