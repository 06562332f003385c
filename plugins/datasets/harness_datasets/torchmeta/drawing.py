"""Draws episodes as torchmeta does, from the sizes of classes alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.episodes import Draw, EpisodeIdentity, EpisodeRule
from harness.environment.torchmeta import load_torchmeta
from harness.experiment.canonical import digest

__all__ = ["RULE", "draw_episode", "seed_of"]


@dataclass(frozen=True)
class _Class:
    """The rows of one class, as the data set of a class that torchmeta asks for."""

    index: int
    first_row: int
    size: int

    def __hash__(self) -> int:
        """Return what torchmeta's own data sets do: it seeds the draw of images with it."""
        return hash(self.index)

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, number: int) -> int:
        return self.first_row + int(number)

    def target_transform_append(self, transform: object) -> None:
        """Rows have no labels that could be transformed."""


class _Classes:
    """All classes of a split, as torchmeta asks for them."""

    meta_train = meta_val = meta_test = False
    class_augmentations: Sequence[object] = ()  # augmented classes are among the others

    def __init__(self, sizes: Sequence[int], split: str) -> None:
        self._sizes = sizes
        self._first_rows = np.cumsum([0, *sizes]).tolist()
        self.meta_split = split

    def __len__(self) -> int:
        return len(self._sizes)

    def __getitem__(self, index: int) -> _Class:
        return _Class(index, self._first_rows[index], self._sizes[index])


def seed_of(identity: EpisodeIdentity) -> int:
    """Return the seed, of 32 bits, with which torchmeta draws this episode."""
    return int(digest(asdict(identity)), 16) % 2**32


def draw_episode(identity: EpisodeIdentity, class_sizes: Sequence[int]) -> Draw:
    """Draw the task that torchmeta gives after it was seeded with `seed_of(identity)`.

    Classes come from `CombinationMetaDataset`, images from `ClassSplitter`; as always there, the
    same classes in the same order bring the same images. Labels number the classes in the order in
    which they were drawn: torchmeta would shuffle them once more with torch's global generator,
    which is not the data set's to use.

    Args:
        identity: of the episode.
        class_sizes: images of each class, in the order in which the split's array holds them.

    Raises:
        UsageError: torchmeta is not installed or cannot be used.
    """
    load_torchmeta()
    data, transforms = import_module("torchmeta.utils.data"), import_module("torchmeta.transforms")
    tasks = data.CombinationMetaDataset(
        _Classes(class_sizes, identity.split),
        identity.ways,
        dataset_transform=transforms.ClassSplitter(
            num_train_per_class=identity.shots, num_test_per_class=identity.queries
        ),
    )
    tasks.seed(seed_of(identity))
    task = tasks.sample_task()
    return Draw(_rows(task["train"], identity.ways), _rows(task["test"], identity.ways))


def _rows(subset: Any, ways: int) -> NDArray[np.int64]:
    rows = np.array([subset[number] for number in range(len(subset))], dtype=np.int64)
    # class after class: (ways * images,) -> (images, ways)
    columns: NDArray[np.int64] = rows.reshape(ways, -1).T
    return columns


RULE = EpisodeRule("torchmeta 1.8.0", draw_episode)
