"""The images that a search is judged by are none that it has learned from."""

from __future__ import annotations

from harness.conformance.datasets.posing import content_of, episodes, require_few_shot
from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject

__all__ = ["RULE"]


def _check(subject: Subject) -> None:
    dataset = subject.dataset()
    require_few_shot(dataset)
    for split in dataset.splits:
        for index, found in enumerate(episodes(dataset, split)):
            support = set(map(content_of, found.support_images))
            if any(content_of(image) in support for image in found.query_images):
                raise BrokenRuleError(
                    f"a query image of episode {index} of split '{split}' is among its support "
                    "images"
                )


RULE = Rule(
    "queries-are-new",
    "no query image of an episode is among its support images",
    _check,
)
