"""The protocols of data set providers, and of the data sets that they prepare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "DataRequest",
    "Dataset",
    "DatasetForm",
    "DatasetProvider",
    "DescribedProvider",
    "DescribesImages",
    "Episode",
    "ImageDescription",
    "ImageSet",
    "NamesClasses",
    "Overlap",
    "ShowsImages",
    "SplitSummary",
    "TaskKind",
    "TellsOverlap",
]

TaskKind = Literal["few-shot", "full-task", "tabular"]


@dataclass(frozen=True)
class SplitSummary:
    """How many classes a split has, and how many images its smallest class has."""

    classes: int
    images_per_class: int


@dataclass(frozen=True)
class Episode:
    """One few-shot task. Images are float32 and standardised, labels int64 in 0..ways-1."""

    support_images: NDArray[np.float32]  # (ways * shots, channels, height, width)
    support_labels: NDArray[np.int64]  # (ways * shots,)
    query_images: NDArray[np.float32]  # (ways * queries, channels, height, width)
    query_labels: NDArray[np.int64]  # (ways * queries,)


class ImageSet(Protocol):
    """Labelled images that are read a batch at a time."""

    def __len__(self) -> int:
        """Return the number of images."""

    def batch(self, indices: NDArray[np.int64]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Return standardised images (N, channels, height, width) and their labels (N,)."""


class Dataset(Protocol):
    """Images that are ready to be read, the same ones in the same order on every machine."""

    fingerprint: str  # SHA-256 of the decoded images, their classes and their splits
    kind: TaskKind
    image_shape: tuple[int, int, int]  # channels, height, width
    splits: Mapping[str, SplitSummary]

    def episode(  # noqa: PLR0913 - the identity of an episode is what it is
        self, split: str, *, ways: int, shots: int, queries: int, seed: int, index: int
    ) -> Episode:
        """Return episode `index`, a pure function of the fingerprint and these arguments.

        Raises:
            UsageError: the split has too few classes, or a class too few images.
        """

    def images(self, split: str) -> ImageSet:
        """Return all images of a split of a full task (`train`, `test`).

        Raises:
            UsageError: there is no such split.
        """


@runtime_checkable
class NamesClasses(Protocol):
    """Optional for a data set: its classes have names, so that splits can be compared.

    Folders of images do not have it, since they may number the classes of each split from 0.
    """

    def class_names(self, split: str) -> Sequence[str]:
        """Return the names of the classes of a split; one class has one name in all splits."""


class ImageDescription(NamedTuple):
    """What a network needs to know about its training images to be used on other images."""

    classes: tuple[str, ...]  # by label; empty for episodes, whose labels mean other classes each
    mean: tuple[float, ...]  # of each channel, in units of 0 to 255
    deviation: tuple[float, ...]


@runtime_checkable
class DescribesImages(Protocol):
    """Optional for a data set: models that are trained on it can be kept and used."""

    def description(self) -> ImageDescription:
        """Return the names of the classes, and the mean and deviation of pixels."""


@dataclass(frozen=True)
class Overlap:
    """What two splits share."""

    classes: tuple[str, ...] = ()  # their names
    images: int = 0  # different ones that are in both, by their pixels
    alike: int = 0  # of the second, those that are all but the same in the first


@runtime_checkable
class TellsOverlap(Protocol):
    """Optional for a data set: it knows what two splits share, without reading them."""

    def overlap(self, one: str, other: str) -> Overlap:
        """Return what two splits share; nothing if one of them is not there."""


@dataclass(frozen=True)
class DataRequest:
    """Where a provider may read and write, and where it reports to."""

    data_root: Path | None  # where people keep their data sets; None: nothing was given
    cache_root: Path  # where decoded images are kept between runs
    report: Callable[[str], None]  # takes a sentence such as "decoding omniglot: 1,200 images"


class DatasetProvider(Protocol):
    """Finds, unpacks and decodes a data set; called with its parameters model."""

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the data set; quick when its decoded images are already in the cache.

        Raises:
            DataError: it is not there, unreadable, truncated or unsafe to unpack.
        """


@runtime_checkable
class ShowsImages(Protocol):
    """Optional for a provider: it permits keeping a few images beside records, to show in pages.

    The licence of the images must permit redistribution. Without this protocol, images are shown
    only to people who ask for it, as with their own photos.
    """

    def shows_images(self) -> bool:
        """Tell whether images may be kept and shown without being asked for."""


class DatasetForm(NamedTuple):
    """The kind and sizes of a data set, which an estimate needs, and every copy has in common."""

    kind: TaskKind
    image_shape: tuple[int, int, int]  # channels, height, width
    classes: int = 0  # of a full task, or of the images that a table is of
    training_images: int = 0  # of a full task


@runtime_checkable
class DescribedProvider(Protocol):
    """Optional for a provider: it knows the form without the data, so need not prepare them."""

    def form(self) -> DatasetForm | None:
        """Return the form; None if it depends on the data."""
