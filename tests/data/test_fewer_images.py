"""A full task with fewer images to train on, for machines that are slow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from harness_datasets.cifar import Cifar10
from harness_datasets.own_images import Folder
from harness_datasets.parameters import Cifar10Parameters, FolderParameters

from harness.contracts import DataRequest
from harness.data.dataset import CachedDataset
from harness.errors import UsageError

MakeFolder = Callable[..., Path]


@pytest.fixture
def dataset(
    tmp_path: Path, image_folder: MakeFolder, request_for: Callable[..., DataRequest]
) -> CachedDataset:
    """A full task of three classes, of four to six training images each."""
    sizes = {"train": {"a": 4, "b": 6, "c": 5}, "test": dict.fromkeys("abc", 3)}
    path = image_folder(tmp_path / "images", sizes)
    folder = Folder(FolderParameters(path=path, size=8, task="full-task"))
    prepared = folder.prepare(request_for())
    assert isinstance(prepared, CachedDataset)
    return prepared


def test_the_first_images_of_each_class_are_left(dataset: CachedDataset) -> None:
    """Their pixels and labels are those of the whole set, and so is what is tested on."""
    pixels, labels = dataset.images("train").batch(np.array([0, 1, 4, 5, 10, 11]))
    fewer = dataset.with_fewer_images(2)
    left = fewer.images("train")
    assert len(left) == 6
    found, found_labels = left.batch(np.arange(6))
    np.testing.assert_array_equal(found, pixels)
    np.testing.assert_array_equal(found_labels, labels)
    assert fewer.splits["train"].images_per_class == 2
    assert len(fewer.images("test")) == len(dataset.images("test"))
    assert fewer.fingerprint != dataset.fingerprint


def test_more_images_than_there_are_is_refused(dataset: CachedDataset) -> None:
    """The smallest class says how many there may be."""
    with pytest.raises(UsageError, match="classes of 4 training images; 5 are too many"):
        dataset.with_fewer_images(5)


def test_cifar_takes_a_part_of_its_images(
    tmp_path: Path, image_folder: MakeFolder, request_for: Callable[..., DataRequest]
) -> None:
    """`cifar10[train_per_class=2]` trains on two images a class, and an estimate knows it."""
    image_folder(
        tmp_path / "data" / "cifar10",
        {split: dict.fromkeys("ab", 3) for split in ("train", "test")},
    )
    provider = Cifar10(Cifar10Parameters(train_per_class=2))
    prepared = provider.prepare(request_for(tmp_path / "data"))
    assert len(prepared.images("train")) == 4
    assert provider.form().training_images == 20
    assert Cifar10(Cifar10Parameters()).form().training_images == 50_000
