"""What is learned from is not what is tested on."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

from harness.conformance.datasets.posing import content_of, sample
from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.contracts import NamesClasses

__all__ = ["RULE"]


def _check(subject: Subject) -> None:
    dataset = subject.dataset()
    if dataset.kind == "few-shot" and isinstance(dataset, NamesClasses):
        _check_classes({split: set(dataset.class_names(split)) for split in dataset.splits})
    images = {split: set(map(content_of, sample(dataset, split))) for split in dataset.splits}
    for one, other in combinations(images, 2):
        if shared := len(images[one] & images[other]):
            raise BrokenRuleError(
                f"of the images that were drawn, {shared} of split '{one}' are in split '{other}' "
                "too"
            )


def _check_classes(classes: Mapping[str, set[str]]) -> None:
    for one, other in combinations(classes, 2):
        if shared := sorted(classes[one] & classes[other]):
            raise BrokenRuleError(f"class '{shared[0]}' is in split '{one}' and in split '{other}'")


RULE = Rule(
    "splits-are-separate",
    "no image is in two splits, and in few-shot learning no class is: what is tested was never "
    "learned",
    _check,
)
