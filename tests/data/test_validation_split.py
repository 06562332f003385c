"""Validation classes that are kept apart from those to train on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from harness_datasets.own_images import Folder
from harness_datasets.parameters import FolderParameters

from harness.contracts import DataRequest
from harness.data.dataset import CachedDataset

MakeFolder = Callable[..., Path]


@pytest.fixture
def dataset(
    tmp_path: Path, image_folder: MakeFolder, request_for: Callable[..., DataRequest]
) -> CachedDataset:
    """Seven classes to train on, of four or five images, and three to test on."""
    train = {f"c{n}": 4 + n % 2 for n in range(7)}
    path = image_folder(tmp_path / "images", {"train": train, "test": dict.fromkeys("xyz", 3)})
    prepared = Folder(FolderParameters(path=path, size=8)).prepare(request_for())
    assert isinstance(prepared, CachedDataset)
    return prepared


def images(dataset: CachedDataset, split: str) -> set[bytes]:
    """The pixels of every image of a split."""
    whole = dataset.images(split)
    pixels, _ = whole.batch(np.arange(len(whole)))
    return {image.tobytes() for image in pixels}


def test_every_third_class_is_kept_apart(dataset: CachedDataset) -> None:
    """No image is lost or in two splits, and what is tested on stays as it was."""
    apart = dataset.with_validation(3)
    assert {split: summary.classes for split, summary in apart.splits.items()} == {
        "train": 5, "val": 2, "test": 3,
    }  # fmt: skip
    assert apart.splits["val"].images_per_class == 4
    train, val = images(apart, "train"), images(apart, "val")
    assert train | val == images(dataset, "train")
    assert not train & val
    assert images(apart, "test") == images(dataset, "test")
    assert apart.fingerprint != dataset.fingerprint


def test_episodes_come_from_their_own_classes(dataset: CachedDataset) -> None:
    """An episode of a split has images of that split only, with a label for each class."""
    apart = dataset.with_validation(3)
    for split, ways in (("train", 5), ("val", 2)):
        episode = apart.episode(split, ways=ways, shots=2, queries=1, seed=0, index=0)
        assert {image.tobytes() for image in episode.support_images} <= images(apart, split)
        assert episode.support_labels.tolist() == list(range(ways)) * 2


def test_nothing_changes_where_there_is_nothing_to_keep_apart(dataset: CachedDataset) -> None:
    """A split that is there is kept, and so are classes too few to share."""
    apart = dataset.with_validation(3)
    assert apart.with_validation(3) is apart
    assert dataset.with_validation(8) is dataset
