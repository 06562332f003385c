"""Episodes have the shapes, types and labels that methods are promised."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.conformance.datasets.posing import episode
from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.contracts import Dataset, DescribedProvider
from harness.errors import UsageError
from harness.estimate.planning import form_of

__all__ = ["RULE"]


def _check(subject: Subject) -> None:
    dataset = subject.dataset()
    provider = subject.create()
    form = provider.form() if isinstance(provider, DescribedProvider) else None
    if form is not None and form != form_of(dataset):
        raise BrokenRuleError(
            f"form() tells {form}, and the prepared images are {form_of(dataset)}"
        )
    if dataset.kind == "full-task":
        images = dataset.images("train")
        indices = np.arange(min(8, len(images)))
        pixels, labels = images.batch(indices)
        _check_images(dataset, pixels, labels, dataset.splits["train"].classes)
        return
    for split in dataset.splits:
        _check_split(dataset, split)


def _check_split(dataset: Dataset, split: str) -> None:
    found = episode(dataset, split)
    ways = min(5, dataset.splits[split].classes)
    _check_images(dataset, found.support_images, found.support_labels, ways)
    _check_images(dataset, found.query_images, found.query_labels, ways)
    counts = np.bincount(found.support_labels, minlength=ways)
    if set(counts.tolist()) != {1}:
        raise BrokenRuleError(f"1-shot support labels of split '{split}' are {counts.tolist()}")
    too_many = dataset.splits[split].classes + 1
    try:
        dataset.episode(split, ways=too_many, shots=1, queries=1, seed=0, index=0)
    except UsageError:
        return
    raise BrokenRuleError(f"split '{split}' gives an episode of more classes than it has")


def _check_images(
    dataset: Dataset, images: NDArray[np.generic], labels: NDArray[np.generic], ways: int
) -> None:
    if images.dtype != np.float32 or labels.dtype != np.int64:
        raise BrokenRuleError(f"images are {images.dtype} and labels {labels.dtype}")
    if images.shape != (len(labels), *dataset.image_shape):
        raise BrokenRuleError(
            f"{len(labels)} images of shape {dataset.image_shape} came as {images.shape}"
        )
    if not np.isfinite(images).all():
        raise BrokenRuleError("images hold numbers that are not finite")
    if labels.min() < 0 or labels.max() >= ways:
        raise BrokenRuleError(f"labels of {ways} classes run from {labels.min()} to {labels.max()}")


RULE = Rule(
    "form-is-as-told",
    "images are float32 of the shape that is told, labels int64 from 0 to ways - 1, each class has "
    "its shots, and what a split does not have is refused with a UsageError",
    _check,
)
