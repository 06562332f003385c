"""A label says nothing but that images of an episode belong together."""

from __future__ import annotations

from collections import defaultdict

from harness.conformance.datasets.posing import content_of, episodes, require_few_shot
from harness.conformance.rule import BrokenRuleError, NotApplicableError, Rule
from harness.conformance.subject import Subject
from harness.contracts import Dataset

__all__ = ["RULE"]

# So many draws with five labels give only the same ones again by chance once in 390,000 times.
ENOUGH = 8


def _check(subject: Subject) -> None:
    dataset = subject.dataset()
    require_few_shot(dataset)
    judged = [_is_drawn_anew(dataset, split) for split in dataset.splits]
    if not any(judged):
        raise NotApplicableError("no image was drawn twice, so that its labels do not compare")


def _is_drawn_anew(dataset: Dataset, split: str) -> bool:
    """Say whether images came twice; then their labels must not all be what they were."""
    labels: dict[bytes, list[int]] = defaultdict(list)
    for found in episodes(dataset, split):
        for image, label in zip(found.support_images, found.support_labels, strict=True):
            labels[content_of(image)].append(int(label))
        for image, label in zip(found.query_images, found.query_labels, strict=True):
            labels[content_of(image)].append(int(label))
    repeated = [each for each in labels.values() if len(each) > 1]
    draws = sum(len(each) - 1 for each in repeated)
    if draws < ENOUGH:
        return False
    if all(len(set(each)) == 1 for each in repeated):
        raise BrokenRuleError(
            f"in 20 episodes of split '{split}', each of the {len(repeated)} images that came "
            "again had the same label again: labels follow an order of the classes"
        )
    return True


RULE = Rule(
    "labels-follow-no-order",
    "which label a class has in an episode is drawn anew for each: a label that follows an order "
    "of the classes could be learned offline",
    _check,
)
