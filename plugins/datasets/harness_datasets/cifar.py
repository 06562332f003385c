"""CIFAR-10 and CIFAR-100 (Krizhevsky, 2009): 60,000 photographs each, 32x32 RGB.

They are read from their binary archives: those for Python hold pickles, which can run any code.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.archive import read_members
from harness.data.cache import DatasetContent
from harness.data.images import Preprocessing
from harness.data.layout import DatasetLayout, ImagePlace
from harness.data.prepare import prepare_generated, prepare_source
from harness.data.sources import find_named
from harness.errors import DataError
from harness_datasets.download import Download, fetch
from harness_datasets.parameters import CifarParameters

__all__ = ["CIFAR10", "CIFAR100", "PREPROCESSING", "Archive", "Cifar10", "Cifar100", "read_archive"]

PREPROCESSING = Preprocessing(size=32, mode="rgb")

TRAIN_IMAGES = 50_000  # of all classes together

_SHAPE = PREPROCESSING.shape
_PLANES = 3 * 32 * 32  # bytes: the red, the green and the blue plane

Records = NDArray[np.uint8]  # (images, label bytes and planes)


@dataclass(frozen=True)
class Archive:
    """A binary archive: where to get it, and how the two differ."""

    name: str  # of the data set
    download: Download
    label_bytes: int  # before the planes of each image; the last one is its class
    classes: int
    train_files: str  # in words: every .bin file but the test file is for training
    test_file: str
    names_file: str | None = None  # has the name of each class on a line
    names: Sequence[str] = ()  # in the order of their labels, where the archive has no such file

    @property
    def record(self) -> int:
        """Bytes of an image with its labels."""
        return self.label_bytes + _PLANES


# The checksums are those that the data sets' own page gives. Names and labels are sorted.
CIFAR10 = Archive(
    "cifar10",
    Download(
        "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
    ),
    label_bytes=1,
    classes=10,
    train_files="data_batch_1.bin to 5",
    test_file="test_batch.bin",
    names=(
        *("airplane", "automobile", "bird", "cat", "deer"),
        *("dog", "frog", "horse", "ship", "truck"),
    ),
)
CIFAR100 = Archive(
    "cifar100",
    Download(
        "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
        "03b5dce01913d631647c71ecec9e9cb8",
    ),
    label_bytes=2,  # one of 20 superclasses (coarse), then one of the 100 classes (fine)
    classes=100,
    train_files="train.bin",
    test_file="test.bin",
    names_file="fine_label_names.txt",
)


class _Cifar:
    """What both data sets have in common."""

    archive: Archive

    def __init__(self, parameters: CifarParameters) -> None:
        """Store how it is posed."""
        self._parameters = parameters

    def form(self) -> DatasetForm:
        """Return the form of the images."""
        classes = self.archive.classes
        images = classes * (self._parameters.train_per_class or TRAIN_IMAGES // classes)
        return DatasetForm(self._parameters.task, _SHAPE, classes, training_images=images)

    def shows_images(self) -> bool:
        """Say yes: its author publishes it without terms."""
        return True

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the photographs, decoded now or taken from the cache.

        Raises:
            DataError: they are not there and cannot be downloaded, or are unreadable.
            UsageError: there are fewer training images a class than the parameters ask for.
        """
        archive, task = self.archive, self._parameters.task
        source = find_named(archive.name, request.data_root)
        if source is not None:
            photographs = prepare_source(
                source, PREPROCESSING, request, name=archive.name, kind=task
            )
        else:
            photographs = prepare_generated(
                lambda: read_archive(fetch(archive.download, archive.name, request), archive),
                {"md5": archive.download.md5},
                request,
                name=archive.name,
                kind=task,
            )
        if self._parameters.train_per_class is None:
            return photographs
        return photographs.with_fewer_images(self._parameters.train_per_class)


class Cifar10(_Cifar):
    """CIFAR-10, from the data root or its author's site (a `DatasetProvider`)."""

    archive = CIFAR10


class Cifar100(_Cifar):
    """CIFAR-100 with its fine labels, from the data root or its author's site (a provider)."""

    archive = CIFAR100


def read_archive(path: Path, archive: Archive) -> DatasetContent:
    """Return the images of an archive, all of them in memory (180 MB).

    Raises:
        DataError: the archive is unreadable, or its files are not what they should be.
    """
    records: dict[str, list[Records]] = {"test": [], "train": []}
    names = archive.names
    for member in read_members(path):
        file_name = member.name.rsplit("/", 1)[-1]
        if file_name.endswith(".bin"):
            split = "test" if file_name == archive.test_file else "train"
            records[split].append(_parse(member.read(), archive, f"{path}/{member.name}"))
        elif file_name == archive.names_file:
            names = _parse_names(member.read(), archive, f"{path}/{member.name}")
    if not (names and all(records.values())):
        files = [archive.train_files, archive.test_file, archive.names_file]
        raise DataError(f"archive '{path}' lacks {' or '.join(filter(None, files))}")
    splits = {split: _sorted_by_label(parts, archive) for split, parts in records.items()}
    counts = {split: _count(rows, archive, names) for split, rows in splits.items()}
    return DatasetContent(DatasetLayout(_SHAPE, counts), _images(splits, archive))


def _parse(content: bytes, archive: Archive, where: str) -> Records:
    if len(content) % archive.record:
        raise DataError(f"'{where}' is not a whole number of {archive.record:,}-byte records")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, archive.record)
    if records.size and _labels(records, archive).max() >= archive.classes:
        raise DataError(f"'{where}' has a label above {archive.classes - 1}")
    return records


def _parse_names(content: bytes, archive: Archive, where: str) -> list[str]:
    names = content.decode("utf-8", "replace").split()
    if names != sorted(set(names)) or len(names) != archive.classes:
        raise DataError(
            f"'{where}' does not list {archive.classes} names of classes in sorted order"
        )
    return names


def _labels(records: Records, archive: Archive) -> Records:
    return records[:, archive.label_bytes - 1]


def _sorted_by_label(parts: Sequence[Records], archive: Archive) -> Records:
    records = np.concatenate(parts)
    return records[np.argsort(_labels(records, archive), kind="stable")]


def _count(records: Records, archive: Archive, names: Sequence[str]) -> dict[str, int]:
    counts = np.bincount(_labels(records, archive), minlength=archive.classes).tolist()
    return {name: count for name, count in zip(names, counts, strict=True) if count}


def _images(
    splits: dict[str, Records], archive: Archive
) -> Iterator[tuple[ImagePlace, NDArray[np.uint8]]]:
    for split, records in splits.items():
        for row, record in enumerate(records):
            yield ImagePlace(split, row), record[archive.label_bytes :].reshape(_SHAPE)
