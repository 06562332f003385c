"""The order of a data set's images: splits, classes and images, each sorted by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.errors import DataError

__all__ = ["DatasetLayout", "ImagePlace", "read_layout"]

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
