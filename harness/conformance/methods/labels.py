"""No query label is read: predictions stay the same whatever the labels are."""

from __future__ import annotations

import torch

from harness.conformance.images import NoiseImages
from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.conformance.trials import SHORTEST, run

__all__ = ["RULE"]


def _check(subject: Subject) -> None:
    """Run the same trial with other labels on the same query images."""
    right = run(subject, budget=SHORTEST)
    turned = run(subject, images=NoiseImages(turned_by=1), budget=SHORTEST)
    for number, (one, other) in enumerate(zip(right.logits, turned.logits, strict=True)):
        if not torch.equal(one, other):
            raise BrokenRuleError(
                f"the logits of call {number + 1} of predict changed when nothing but the labels "
                "of the query images did"
            )


RULE = Rule(
    "no-query-labels",
    "what a method predicts for query images depends in no way on their labels, which it is never "
    "handed",
    _check,
)
