"""Data sets in the cache, with their episodes and images, and the check of a setting."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.canonical import digest
from harness.contracts import Dataset, Episode, ImageDescription, Overlap, SplitSummary, TaskKind
from harness.data.cache import Cache
from harness.data.layout import HARNESS_RULE, EpisodeIdentity, EpisodeRule
from harness.data.overlap import Images, alike, sketches
from harness.errors import DataError, UsageError

if TYPE_CHECKING:
    from harness.experiment.setting import FewShotSetting, FullTaskSetting

__all__ = ["CachedDataset", "CachedImages", "check_setting"]

COLOURS = 3  # channels of a photograph, most likely


def check_setting(dataset: Dataset, setting: FewShotSetting | FullTaskSetting, name: str) -> None:
    """Check that a data set has what a setting asks for, before anything is run.

    Args:
        dataset: what is prepared.
        setting: what was asked for.
        name: of the data set, for the message.

    Raises:
        UsageError: a split is missing, or has too few classes or images a class.
    """
    where = f"data set '{name}'"
    if setting.kind == "few-shot":
        _check_episode(dataset.splits, setting, where)
        return
    for split in ("train", setting.split):
        _find_split(dataset.splits, split, where)


@dataclass(frozen=True)
class SplitPart:
    """Where the images of a split are in the cache."""

    stored: str  # the split of the cache
    rows: NDArray[np.int64]  # (images,), of that split's array
    counts: Mapping[str, int]  # images of each class, in the order of the rows


class CachedImages:
    """All images of a split, read from the cache a batch at a time (an `ImageSet`)."""

    def __init__(self, cache: Cache, part: SplitPart, labels: NDArray[np.int64]) -> None:
        """Take the split's images; `labels` (images,) are in the order of its rows."""
        self._cache, self._part, self._labels = cache, part, labels

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._labels)

    def batch(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return standardised images (N, channels, height, width) and their labels (N,)."""
        return _standardised(self._cache, self._part, indices), self._labels[indices]


class CachedDataset:
    """A data set in the cache (a `Dataset`).

    Pixels are standardised: each channel's mean over the training images is subtracted, and divided
    by its standard deviation there. Without a split `train`, all images count.
    """

    def __init__(self, cache: Cache, kind: TaskKind, name: str) -> None:
        """Pose the cached images as `kind`.

        Raises:
            DataError: a full task without training images, or tested on classes unseen there.
        """
        self._cache, self._where = cache, f"data set '{name}'"
        self.kind: TaskKind = kind
        self.fingerprint = cache.fingerprint
        self._rule = HARNESS_RULE
        self._name_of: Callable[[str], str] = str
        self.image_shape = cache.layout.shape
        self._parts = {
            split: SplitPart(split, np.arange(sum(counts.values())), counts)
            for split, counts in cache.layout.counts.items()
        }
        self.splits = _summaries(self._parts)
        if kind == "full-task":
            self._check_full_task()

    def with_validation(self, every: int) -> CachedDataset:
        """Return the same images with every n-th training class moved into a split `val`.

        The fingerprint changes. Nothing is done if there is a split `val` already, or if there are
        fewer than n training classes.
        """
        train = self._parts.get("train")
        if "val" in self._parts or train is None or len(train.counts) < every:
            return self
        dataset = copy(self)
        dataset.fingerprint = digest({"images": self.fingerprint, "validation": every})
        held = np.arange(len(train.counts)) % every == every - 1
        dataset._parts = {
            **self._parts, "train": _select(train, ~held), "val": _select(train, held)
        }  # fmt: skip
        dataset.splits = _summaries(dataset._parts)
        return dataset

    def with_fewer_images(self, per_class: int) -> CachedDataset:
        """Return the same images, with `per_class` images of each class to train on.

        They are the first of each class. The fingerprint changes; the channels' means and
        deviations are still those of all training images.

        Raises:
            UsageError: a class has fewer, or the split `train` is missing.
        """
        least = _find_split(self.splits, "train", self._where).images_per_class
        if per_class > least:
            raise UsageError(
                f"{self._where} has classes of {least} training images; {per_class} are too many"
            )
        dataset = copy(self)
        dataset.fingerprint = digest({"images": self.fingerprint, "train_per_class": per_class})
        dataset._parts = {
            **self._parts,
            "train": _first_of_each_class(self._parts["train"], per_class),
        }
        dataset.splits = _summaries(dataset._parts)
        return dataset

    def drawn_by(self, rule: EpisodeRule) -> CachedDataset:
        """Return the same images with episodes drawn by `rule`, and so another fingerprint."""
        dataset = copy(self)
        dataset.fingerprint = digest({"images": self.fingerprint, "episodes": rule.name})
        dataset._rule = rule
        return dataset

    def named_by(self, name_of: Callable[[str], str]) -> CachedDataset:
        """Return the same images with class names made by `name_of` from the classes' own.

        An empty name means that the class has none, such as a number that each split counts anew.
        """
        dataset = copy(self)
        dataset._name_of = name_of
        return dataset

    def overlap(self, one: str, other: str) -> Overlap:
        """Return what two splits share; none if one of them is not there."""
        if not {one, other} <= self._parts.keys():
            return Overlap()
        parts = self._parts[one], self._parts[other]
        names = [set(map(self._name_of, part.counts)) for part in parts]
        first, second = (self._cache.digests[part.stored][part.rows] for part in parts)
        shared = np.intersect1d(first, second)
        return Overlap(
            tuple(sorted((names[0] & names[1]) - {""})), len(shared), self._alike(*parts, shared)
        )

    def _alike(self, one: SplitPart, other: SplitPart, same: NDArray[np.uint64]) -> int:
        """Count the images of `other` that are nearly the same as one of `one`, for photographs.

        Drawings of few strokes are alike by nature, and a full task's classes are the same by
        intention, so neither is counted.
        """
        if self.kind != "few-shot" or self.image_shape[0] != COLOURS:
            return 0
        first, second = (
            Images(self._cache.arrays[p.stored], p.rows, sketches(self._cache, p.stored)[p.rows])
            for p in (one, other)
        )
        places = alike(first, second)
        digests = self._cache.digests[other.stored][other.rows[places]]
        return int(np.count_nonzero(~np.isin(digests, same)))

    def episode(  # noqa: PLR0913 - the identity of an episode is what it is
        self, split: str, *, ways: int, shots: int, queries: int, seed: int, index: int
    ) -> Episode:
        """Return episode `index`, a pure function of the fingerprint and these arguments.

        Support and query sets go round the classes: 0, 1, ..., ways-1, 0, 1, ...

        Raises:
            UsageError: the split is unknown, it has too few classes, or a class too few images.
        """
        identity = EpisodeIdentity(self.fingerprint, split, ways, shots, queries, seed, index)
        _check_episode(self.splits, identity, self._where)
        part = self._parts[split]
        support, query = self._rule.draw(identity, list(part.counts.values()))
        labels = np.arange(ways, dtype=np.int64)
        return Episode(
            support_images=_standardised(self._cache, part, support.ravel()),
            support_labels=np.tile(labels, shots),
            query_images=_standardised(self._cache, part, query.ravel()),
            query_labels=np.tile(labels, queries),
        )

    def images(self, split: str) -> CachedImages:
        """Return all images of a split; labels number the sorted classes of all splits.

        Raises:
            UsageError: the split is unknown.
        """
        _find_split(self.splits, split, self._where)
        numbers = {label: number for number, label in enumerate(self._classes())}
        part = self._parts[split]
        classes = np.array([numbers[label] for label in part.counts], dtype=np.int64)
        labels = np.repeat(classes, list(part.counts.values()))
        return CachedImages(self._cache, part, labels)

    def description(self) -> ImageDescription:
        """Return the class names of a full task, and the mean and deviation of pixels."""
        classes = self._classes() if self.kind == "full-task" else ()
        mean, deviation = self._cache.mean, self._cache.deviation
        return ImageDescription(tuple(classes), tuple(mean), tuple(deviation))

    def _classes(self) -> list[str]:
        return sorted({label for part in self._parts.values() for label in part.counts})

    def _check_full_task(self) -> None:
        counts = self._cache.layout.counts
        if "train" not in counts:
            raise DataError(f"{self._where} has no split 'train', which a full task learns from")
        for split, classes in counts.items():
            unseen = sorted(set(classes) - set(counts["train"]))
            if unseen:
                raise DataError(
                    f"{self._where} cannot be a full task: class {unseen[0]!r} of split '{split}' "
                    "is not in split 'train' (few-shot tasks may be meant)"
                )


def _summaries(parts: Mapping[str, SplitPart]) -> Mapping[str, SplitSummary]:
    return {
        split: SplitSummary(len(part.counts), min(part.counts.values()))
        for split, part in parts.items()
    }


def _select(part: SplitPart, chosen: NDArray[np.bool_]) -> SplitPart:
    """Return the part with the chosen classes only; `chosen` is (classes,)."""
    sizes = list(part.counts.values())
    pairs = zip(part.counts.items(), chosen, strict=True)
    counts = {label: size for (label, size), is_chosen in pairs if is_chosen}
    return SplitPart(part.stored, part.rows[np.repeat(chosen, sizes)], counts)


def _first_of_each_class(part: SplitPart, per_class: int) -> SplitPart:
    """Return the part with the first `per_class` images of each class only."""
    sizes = list(part.counts.values())
    places = np.concatenate([np.arange(size) for size in sizes])  # (images,), in its class
    counts = dict.fromkeys(part.counts, per_class)
    return SplitPart(part.stored, part.rows[places < per_class], counts)


def _standardised(cache: Cache, part: SplitPart, places: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return images (N, channels, height, width) with mean 0 and deviation 1 in each channel."""
    pixels = cache.arrays[part.stored][part.rows[places]].astype(np.float32)
    # (channels,) -> (channels, 1, 1)
    mean = np.array(cache.mean, dtype=np.float32)[:, None, None]
    deviation = np.array(cache.deviation, dtype=np.float32)[:, None, None]
    return (pixels - mean) / deviation


def _find_split(splits: Mapping[str, SplitSummary], split: str, where: str) -> SplitSummary:
    if split not in splits:
        raise UsageError(f"{where} has no split '{split}'; there are: {', '.join(splits)}")
    return splits[split]


def _check_episode(
    splits: Mapping[str, SplitSummary], episode: EpisodeIdentity | FewShotSetting, where: str
) -> None:
    split, ways, shots, queries = episode.split, episode.ways, episode.shots, episode.queries
    summary = _find_split(splits, split, where)
    if min(ways, shots, queries) < 1:
        raise UsageError(f"ways {ways}, shots {shots} and queries {queries} must all be 1 or more")
    if ways > summary.classes:
        raise UsageError(
            f"{ways} ways are more than the {summary.classes} classes of split '{split}' of {where}"
        )
    if shots + queries > summary.images_per_class:
        raise UsageError(
            f"{shots} shots and {queries} queries make {shots + queries} images a class, but the"
            f" smallest class of split '{split}' of {where} has {summary.images_per_class}"
        )
