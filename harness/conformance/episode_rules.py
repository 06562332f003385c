"""Rules for the episodes of a data set: an identity is one episode, and labels follow no order."""

from __future__ import annotations

import random
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from harness.conformance.image_rules import content_of, episode, episodes, require_few_shot, sample
from harness.conformance.rule import BrokenRuleError, NotApplicableError, Rule
from harness.conformance.subject import Subject
from harness.contracts import Dataset, Episode

__all__ = ["EPISODES_HAVE_IDENTITY", "LABELS_FOLLOW_NO_ORDER"]

# An episode is a function of its identity: whoever asks, whenever, gets the same images.


def _check_identity(subject: Subject) -> None:
    first = subject.dataset()
    random.seed(1)
    np.random.seed(1)
    second = subject.dataset()
    if first.fingerprint != second.fingerprint:
        raise BrokenRuleError("its fingerprint changes when it is prepared again")
    for split in first.splits:
        if first.kind == "few-shot":
            _check_episodes(first, second, split)
        elif not _equal(list(sample(first, split)), list(sample(second, split))):
            raise BrokenRuleError(f"images of split '{split}' change when prepared again")


def _check_episodes(first: Dataset, second: Dataset, split: str) -> None:
    indices = [0, 1, 2]
    one = {index: episode(first, split, index) for index in indices}
    other = {index: episode(second, split, index) for index in reversed(indices)}
    for index in indices:
        if not _same(one[index], other[index]):
            raise BrokenRuleError(
                f"episode {index} of split '{split}' changes when it is asked for again"
            )
    if _same(one[0], one[1]):
        raise BrokenRuleError(f"episodes 0 and 1 of split '{split}' are the same")
    if _same(one[0], episode(first, split, 0, seed=1)):
        raise BrokenRuleError(f"episode 0 of split '{split}' is the same for seeds 0 and 1")


def _same(first: Episode, second: Episode) -> bool:
    return _equal(
        [first.support_images, first.support_labels, first.query_images, first.query_labels],
        [second.support_images, second.support_labels, second.query_images, second.query_labels],
    )


def _equal(first: list[NDArray[np.generic]], second: list[NDArray[np.generic]]) -> bool:
    return len(first) == len(second) and all(map(np.array_equal, first, second))


EPISODES_HAVE_IDENTITY = Rule(
    "episodes-have-identity",
    "an episode depends on fingerprint, split, ways, shots, queries, seed and index alone: the "
    "same ones give the same images in the same order, another seed or index gives another episode",
    _check_identity,
)


# A label says nothing but that images of an episode belong together.


# So many draws with five labels give only the same ones again by chance once in 390,000 times.
ENOUGH = 8


def _check_order(subject: Subject) -> None:
    dataset = subject.dataset()
    require_few_shot(dataset)
    judged = [_is_drawn_anew(dataset, split) for split in dataset.splits]
    if not any(judged):
        raise NotApplicableError("no image was drawn twice, so that its labels do not compare")


def _is_drawn_anew(dataset: Dataset, split: str) -> bool:
    """Return whether images came twice; then their labels must not all be the same again."""
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


LABELS_FOLLOW_NO_ORDER = Rule(
    "labels-follow-no-order",
    "which label a class has in an episode is drawn anew for each: a label that follows an order "
    "of the classes could be learned offline",
    _check_order,
)
