"""CIFAR-10 (Krizhevsky, 2009): 60,000 photographs of 10 kinds of things, 32x32 RGB."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.contracts import DataRequest, Dataset
from harness.data.archive import read_members
from harness.data.cache import Content
from harness.data.images import Preprocessing
from harness.data.layout import Layout, Place
from harness.data.prepare import prepare_generated, prepare_source
from harness.data.sources import find_named
from harness.errors import DataError
from harness_datasets.download import Download, fetch
from harness_datasets.parameters import Cifar10Parameters

__all__ = ["CLASSES", "DOWNLOAD", "Cifar10", "read_binary"]

# Label i of the archive is the i-th name; they are sorted.
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

# The binary version: the one for Python is a pickle, which runs whatever it says.
DOWNLOAD = Download(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"
)

_SHAPE = (3, 32, 32)
_RECORD = 1 + 3 * 32 * 32  # bytes: a label, then the red, the green and the blue plane


class Cifar10:
    """CIFAR-10, from the data root or its author's site (a `DatasetProvider`)."""

    def __init__(self, parameters: Cifar10Parameters) -> None:
        """Take how it is posed."""
        self._task = parameters.task

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the photographs, decoded now or taken from the cache.

        Raises:
            DataError: they are not there and cannot be downloaded, or are unreadable.
        """
        name = "cifar10"
        source = find_named(name, request.data_root)
        if source is not None:
            preprocessing = Preprocessing(size=32, mode="rgb")
            return prepare_source(source, preprocessing, request, name=name, kind=self._task)
        return prepare_generated(
            lambda: read_binary(fetch(DOWNLOAD, name, request)),
            {"md5": DOWNLOAD.md5},
            request,
            name=name,
            kind=self._task,
        )


def read_binary(archive: Path) -> Content:
    """Return the images of `cifar-10-binary.tar.gz`, all of them in memory (180 MB).

    Raises:
        DataError: the archive is unreadable, or its files are not what they should be.
    """
    records: dict[str, list[NDArray[np.uint8]]] = {"test": [], "train": []}
    for member in read_members(archive):
        name = member.name.rsplit("/", 1)[-1]
        if name.endswith(".bin"):
            split = "test" if name == "test_batch.bin" else "train"
            records[split].append(_parse(member.read(), f"{archive}/{member.name}"))
    if not all(records.values()):
        raise DataError(f"archive '{archive}' lacks data_batch_1.bin to 5 or test_batch.bin")
    splits = {split: _sorted_by_label(np.concatenate(parts)) for split, parts in records.items()}
    counts = {split: _count(rows[:, 0]) for split, rows in splits.items()}
    return Content(Layout(_SHAPE, counts), _images(splits))


def _parse(content: bytes, where: str) -> NDArray[np.uint8]:
    """Return records (images, 3073): a label and three planes each."""
    if len(content) % _RECORD:
        raise DataError(f"'{where}' is no whole number of {_RECORD:,}-byte records")
    records = np.frombuffer(content, dtype=np.uint8).reshape(-1, _RECORD)
    if records.size and records[:, 0].max() >= len(CLASSES):
        raise DataError(f"'{where}' has a label above {len(CLASSES) - 1}")
    return records


def _sorted_by_label(records: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return records[np.argsort(records[:, 0], kind="stable")]


def _count(labels: NDArray[np.uint8]) -> dict[str, int]:
    counts = np.bincount(labels, minlength=len(CLASSES)).tolist()
    return {name: count for name, count in zip(CLASSES, counts, strict=True) if count}


def _images(
    splits: dict[str, NDArray[np.uint8]],
) -> Iterator[tuple[Place, NDArray[np.uint8]]]:
    for split, records in splits.items():
        for row, record in enumerate(records):
            yield Place(split, row), record[1:].reshape(_SHAPE)
