"""Rules for data sets: their images, and the episodes that are drawn from them."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from harness.conformance.rule import BrokenRuleError, NotApplicableError, Rule, Subject
from harness.contracts import (
    Dataset,
    DescribedProvider,
    Episode,
    NamesClasses,
    SplitSummary,
)
from harness.errors import UsageError
from harness.tracing.search import form_of

__all__ = [
    "EPISODES_HAVE_IDENTITY",
    "FORM_IS_AS_TOLD",
    "LABELS_FOLLOW_NO_ORDER",
    "QUERIES_ARE_NEW",
    "SPLITS_ARE_SEPARATE",
]

# Episodes have the shapes, types and labels that methods are promised.

WAYS, EPISODES = 5, 20
READ = 512  # images of a split of a full task, spread over it
# So many draws with five labels give only the same ones again by chance once in 390,000 times.
ENOUGH = 8


def _check_form(subject: Subject) -> None:
    dataset = subject.dataset()
    provider = subject.create()
    form = provider.form() if isinstance(provider, DescribedProvider) else None
    if form is not None and form != form_of(dataset):
        raise BrokenRuleError(f"form() says {form}, and the prepared images are {form_of(dataset)}")
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


FORM_IS_AS_TOLD = Rule(
    "form-is-as-told",
    "images are float32 of the announced shape, labels int64 from 0 to ways - 1, each class has "
    "its shots, and what a split does not have is refused with a UsageError",
    _check_form,
)


# What is learned from is not what is tested on.


def _check_splits(subject: Subject) -> None:
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


SPLITS_ARE_SEPARATE = Rule(
    "splits-are-separate",
    "no image is in two splits, and in few-shot learning no class is: what is tested was never "
    "learned",
    _check_splits,
)


# The images that a search is judged by are none that it has learned from.


def _check_queries(subject: Subject) -> None:
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


QUERIES_ARE_NEW = Rule(
    "queries-are-new",
    "no query image of an episode is among its support images",
    _check_queries,
)


# What the rules for data sets share: settings that every split can bear, and images by content.


def require_few_shot(dataset: Dataset) -> None:
    """Refuse a full task.

    Raises:
        NotApplicableError: it has no episodes.
    """
    if dataset.kind != "few-shot":
        raise NotApplicableError("a full task has no episodes")


def episode(
    dataset: Dataset, split: str, index: int = 0, *, seed: int = 0, ways: int = WAYS
) -> Episode:
    """Return an episode of a split with at most five ways, one shot, and up to five queries."""
    summary = dataset.splits[split]
    queries = max(1, min(5, summary.images_per_class - 1))
    return dataset.episode(
        split,
        ways=min(ways, summary.classes),
        shots=1,
        queries=queries,
        seed=seed,
        index=index,
    )


def episodes(dataset: Dataset, split: str) -> Iterator[Episode]:
    """Return the first twenty episodes of a split; none where it is too small for any."""
    if _bears(dataset.splits[split]):
        for index in range(EPISODES):
            yield episode(dataset, split, index)


def sample(dataset: Dataset, split: str) -> Iterator[NDArray[np.float32]]:
    """Return images of a split, (channels, height, width) each: of episodes, or spread over it."""
    if dataset.kind == "few-shot":
        for each in episodes(dataset, split):
            yield from each.support_images
            yield from each.query_images
        return
    images = dataset.images(split)
    spread = np.linspace(0, len(images) - 1, min(READ, len(images))).astype(np.int64)
    yield from images.batch(spread)[0]


def content_of(image: NDArray[np.float32]) -> bytes:
    """Return what distinguishes an image: its pixels."""
    return np.ascontiguousarray(image).tobytes()


def _bears(summary: SplitSummary) -> bool:
    return summary.classes >= 2 and summary.images_per_class >= 2


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
