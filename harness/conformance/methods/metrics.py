"""What a search step reports are numbers, and the accuracy is in percent."""

from __future__ import annotations

from typing import Any

from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import run

__all__ = ["RULE"]


def _check(subject: Subject) -> None:
    steps: list[dict[str, Any]] = []
    run(subject, send=steps.append)  # which a loss that is not finite ends
    for event in steps:
        where = f"at task {event['task'] + 1}, search step {event['step'] + 1}"
        accuracy = event["accuracy"]
        if not 0 <= accuracy <= 100:
            raise BrokenRuleError(f"the accuracy was {accuracy} {where}")


RULE = Rule(
    "metrics-are-numbers",
    "a search step returns its mean loss, a finite number, and its accuracy on the step's own "
    "images, in percent from 0 to 100",
    _check,
)
