"""The order of a data set's images, its identity, and the few-shot episodes drawn from it.

Splits, classes and images are each sorted by name. An episode follows from its identity
alone: which classes, and which of their images.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.canonical import canonical_json, digest
from harness.errors import DataError

__all__ = [
    "HARNESS_RULE",
    "DatasetLayout",
    "Draw",
    "EpisodeIdentity",
    "EpisodeRule",
    "ImagePlace",
    "channel_statistics",
    "draw_episode",
    "fingerprint",
    "read_layout",
]

EXPECTED = "expected <split>/<class>/<image>"


@dataclass(frozen=True)
class ImagePlace:
    """Where an image belongs: a row of its split's array."""

    split: str
    row: int


@dataclass(frozen=True)
class DatasetLayout:
    """What a data set's arrays hold: in each split, class after class, image after image."""

    shape: tuple[int, int, int]  # of an image: channels, height, width
    counts: Mapping[str, Mapping[str, int]]  # images of each class of each split, both sorted

    def images(self, split: str) -> int:
        """Return the number of images of a split."""
        return sum(self.counts[split].values())

    @property
    def total(self) -> int:
        """The number of images of all splits."""
        return sum(map(self.images, self.counts))


def read_layout(
    names: Iterable[str], shape: tuple[int, int, int], where: object
) -> tuple[DatasetLayout, dict[str, ImagePlace]]:
    """Map each image name `<split>/<class>/<image>` to its place.

    Files at the top, such as a README, are left out.

    Args:
        names: in any order, with forward slashes.
        shape: of a decoded image: channels, height, width.
        where: the folder or archive, for the message.

    Raises:
        DataError: a file is in the wrong place or named twice, or there are no images at all.
    """
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise DataError(f"'{where}' holds {name!r} twice")
        if name.count("/") not in (0, 2):
            raise DataError(f"'{where}' holds {name!r}; {EXPECTED}")
        seen.add(name)
    images = sorted(name.split("/") for name in seen if "/" in name)
    if not images:
        raise DataError(f"'{where}' holds no images; {EXPECTED}")
    return _place(images, shape)


def _place(
    images: Iterable[list[str]], shape: tuple[int, int, int]
) -> tuple[DatasetLayout, dict[str, ImagePlace]]:
    counts: dict[str, dict[str, int]] = {}
    rows: dict[str, int] = {}
    places = {}
    for split, label, image in images:
        row = rows.get(split, 0)
        places[f"{split}/{label}/{image}"] = ImagePlace(split, row)
        rows[split] = row + 1
        classes = counts.setdefault(split, {})
        classes[label] = classes.get(label, 0) + 1
    return DatasetLayout(shape, counts), places


@dataclass(frozen=True)
class EpisodeIdentity:
    """All that an episode depends on."""

    fingerprint: str
    split: str
    ways: int
    shots: int
    queries: int
    seed: int
    index: int


class Draw(NamedTuple):
    """Rows of a split's array. Row r of class c has label c; column c of both belongs to it."""

    support: NDArray[np.int64]  # (shots, ways)
    query: NDArray[np.int64]  # (queries, ways)


def draw_episode(identity: EpisodeIdentity, class_sizes: Sequence[int]) -> Draw:
    """Draw classes without replacement, and images of each without replacement.

    Flattened, a draw goes round the classes, so that each batch cut from a support set sees every
    class as often as every other, give or take one image.

    Args:
        identity: seeds the generator through the SHA-256 of its canonical JSON.
        class_sizes: images of each class, in the order in which the split's array holds them.
    """
    generator = np.random.PCG64(int(digest(asdict(identity)), 16))
    first_rows = np.cumsum([0, *class_sizes])
    images = identity.shots + identity.queries
    classes = _choose(generator, len(class_sizes), identity.ways)
    rows = np.stack(
        [first_rows[c] + _choose(generator, class_sizes[c], images) for c in classes], axis=1
    )  # (images, ways)
    return Draw(rows[: identity.shots], rows[identity.shots :])


@dataclass(frozen=True)
class EpisodeRule:
    """A way to draw episodes."""

    name: str
    draw: Callable[[EpisodeIdentity, Sequence[int]], Draw]  # like `draw_episode`


HARNESS_RULE = EpisodeRule("harness", draw_episode)


def _choose(generator: np.random.PCG64, population: int, count: int) -> NDArray[np.int64]:
    """Choose `count` of `population` without replacement, in random order.

    From the raw bits, the only output that numpy keeps the same from one release to the next.
    """
    bits = generator.random_raw(population)
    return np.argsort(bits, kind="stable")[:count]


Arrays = Mapping[str, NDArray[np.uint8]]  # of each split, (images, channels, height, width)

_ROWS = 512  # images looked at together, so that memory stays bounded


def fingerprint(layout: DatasetLayout, arrays: Arrays) -> str:
    """Return the SHA-256 of the pixels, with the names and sizes of splits and classes.

    Neither paths nor times enter it: the same images give the same fingerprint everywhere.
    """
    counts = {split: dict(classes) for split, classes in layout.counts.items()}
    header = canonical_json({"shape": list(layout.shape), "splits": counts})
    found = hashlib.sha256(header.encode())
    for split in sorted(layout.counts):
        for chunk in _chunks(arrays[split]):
            found.update(chunk.tobytes())
    return found.hexdigest()


def channel_statistics(arrays: Arrays) -> tuple[list[float], list[float]]:
    """Return each channel's mean and standard deviation, in units of 0 to 255.

    Taken over the split `train`, or over all splits where there is none. A channel that never
    changes gets the deviation 1, so that it can be divided by.
    """
    chosen = [arrays["train"]] if "train" in arrays else list(arrays.values())
    histogram = _histogram(chosen)  # (channels, 256)
    levels, totals = np.arange(256.0), histogram.sum(axis=1)
    mean = histogram @ levels / totals
    variance = (histogram * (levels - mean[:, None]) ** 2).sum(axis=1) / totals
    deviation = np.where(variance > 0, np.sqrt(variance), 1.0)
    return mean.tolist(), deviation.tolist()


def _histogram(arrays: Iterable[NDArray[np.uint8]]) -> NDArray[np.int64]:
    """Count how often each channel has each of the 256 levels; integers, so no order matters."""
    total: NDArray[np.int64] | None = None
    for array in arrays:
        for chunk in _chunks(array):
            channels = chunk.swapaxes(0, 1).reshape(chunk.shape[1], -1)  # (channels, pixels)
            counts = np.stack([np.bincount(channel, minlength=256) for channel in channels])
            total = counts if total is None else total + counts
    if total is None:
        raise ValueError("there are no images")
    return total


def _chunks(array: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    return (array[start : start + _ROWS] for start in range(0, len(array), _ROWS))
