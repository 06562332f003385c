"""CIFAR-10 (Krizhevsky, 2009): 60,000 photographs of 10 kinds of things, 32x32 RGB."""

from __future__ import annotations

from pathlib import Path

from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.cache import Content
from harness_datasets.cifar_binary import Form, form_of, prepare_cifar, read_archive
from harness_datasets.download import Download
from harness_datasets.parameters import Cifar10Parameters

__all__ = ["CLASSES", "DOWNLOAD", "Cifar10", "read_binary"]

# Label i of the archive is the i-th name; they are sorted.
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer"),
    *("dog", "frog", "horse", "ship", "truck"),
)

# The checksum is the one that the data set's own page gives.
DOWNLOAD = Download(
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz", "c32a1d4ab5d03f1284b67883e8d87530"
)

_FORM = Form(1, len(CLASSES), "data_batch_1.bin to 5", "test_batch.bin")


class Cifar10:
    """CIFAR-10, from the data root or its author's site (a `DatasetProvider`)."""

    def __init__(self, parameters: Cifar10Parameters) -> None:
        """Take how it is posed."""
        self._parameters = parameters

    def form(self) -> DatasetForm:
        """Return the form of the images."""
        return form_of(self._parameters, _FORM)

    def prepare(self, request: DataRequest) -> Dataset:
        """Return the photographs, decoded now or taken from the cache.

        Raises:
            DataError: they are not there and cannot be downloaded, or are unreadable.
            UsageError: there are fewer training images a class than the parameters ask for.
        """
        return prepare_cifar("cifar10", self._parameters, request, DOWNLOAD, read_binary)


def read_binary(archive: Path) -> Content:
    """Return the images of `cifar-10-binary.tar.gz`, all of them in memory (180 MB).

    Raises:
        DataError: the archive is unreadable, or its files are not what they should be.
    """
    return read_archive(archive, _FORM, CLASSES)
