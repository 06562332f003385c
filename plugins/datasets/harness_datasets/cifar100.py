"""CIFAR-100 (Krizhevsky, 2009): 60,000 photographs of 100 kinds of things, 32x32 RGB."""

from __future__ import annotations

from pathlib import Path

from harness.contracts import DataRequest, Dataset, DatasetForm
from harness.data.cache import Content
from harness_datasets.cifar_binary import Form, form_of, prepare_cifar, read_archive
from harness_datasets.download import Download
from harness_datasets.parameters import Cifar100Parameters

__all__ = ["DOWNLOAD", "Cifar100", "read_binary"]

# The checksum is the one that the data set's own page gives.
DOWNLOAD = Download(
    "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz", "03b5dce01913d631647c71ecec9e9cb8"
)

# The first label is one of 20 kinds of kinds (coarse), the second one of 100 kinds (fine).
_FORM = Form(2, 100, "train.bin", "test.bin", "fine_label_names.txt")


class Cifar100:
    """CIFAR-100 with its fine labels, from the data root or its author's site (a provider)."""

    def __init__(self, parameters: Cifar100Parameters) -> None:
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
        return prepare_cifar("cifar100", self._parameters, request, DOWNLOAD, read_binary)


def read_binary(archive: Path) -> Content:
    """Return the images of `cifar-100-binary.tar.gz`, all of them in memory (180 MB).

    Raises:
        DataError: the archive is unreadable, or its files are not what they should be.
    """
    return read_archive(archive, _FORM)
