"""An episode is a function of its identity: whoever asks, whenever, gets the same images."""

from __future__ import annotations

import random

import numpy as np
from numpy.typing import NDArray

from harness.conformance.datasets.posing import episode, sample
from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.contracts import Dataset, Episode

__all__ = ["RULE"]


def _check(subject: Subject) -> None:
    first = subject.dataset()
    random.seed(1)
    np.random.seed(1)
    second = subject.dataset()
    if first.fingerprint != second.fingerprint:
        raise BrokenRuleError("its fingerprint is another one when it is prepared again")
    for split in first.splits:
        if first.kind == "few-shot":
            _check_episodes(first, second, split)
        elif not _equal(list(sample(first, split)), list(sample(second, split))):
            raise BrokenRuleError(f"images of split '{split}' are others when prepared again")


def _check_episodes(first: Dataset, second: Dataset, split: str) -> None:
    indices = [0, 1, 2]
    one = {index: episode(first, split, index) for index in indices}
    other = {index: episode(second, split, index) for index in reversed(indices)}
    for index in indices:
        if not _same(one[index], other[index]):
            raise BrokenRuleError(
                f"episode {index} of split '{split}' is another one when it is asked for again"
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


RULE = Rule(
    "episodes-have-identity",
    "an episode depends on fingerprint, split, ways, shots, queries, seed and index alone: the "
    "same ones give the same images in the same order, another seed or index gives another episode",
    _check,
)
