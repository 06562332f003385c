"""Real data sets have the sizes that their authors say, and are quick to open again."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from harness_datasets.cifar import Cifar10
from harness_datasets.omniglot import Omniglot
from harness_datasets.own_images import Folder
from harness_datasets.parameters import Cifar10Parameters, FolderParameters, TorchmetaParameters
from harness_datasets.torchmeta.library import INSTALL, is_installed
from harness_datasets.torchmeta.provider import Torchmeta

from harness.contracts import DataRequest, Dataset, DatasetProvider


def twice(provider: DatasetProvider, request: DataRequest) -> Dataset:
    """Prepare twice, and check that the second time is quick and gives the same images."""
    first = provider.prepare(request)
    start = time.perf_counter()
    second = provider.prepare(request)
    assert time.perf_counter() - start < 0.15
    assert second.fingerprint == first.fingerprint
    return second


def sizes(dataset: Dataset) -> dict[str, tuple[int, int]]:
    return {split: (s.classes, s.images_per_class) for split, s in dataset.splits.items()}


@pytest.fixture
def request_real(real_data: Path, tmp_path: Path) -> DataRequest:
    return DataRequest(real_data, tmp_path / "cache", lambda sentence: None)


def available(request: DataRequest, name: str) -> None:
    root = request.data_root
    if root is None or not any((root / entry).exists() for entry in (name, f"{name}.tar.gz")):
        pytest.skip(f"HARNESS_DATA has no {name}")


@pytest.mark.slow
@pytest.mark.alone
def test_omniglot(request_real: DataRequest) -> None:
    """Omniglot has 964 characters to train on or validate with and 659 to test on, 20 drawings."""
    available(request_real, "omniglot")
    dataset = twice(Omniglot(), request_real)
    assert sizes(dataset) == {"test": (659, 20), "train": (868, 20), "val": (96, 20)}
    drawn = dataset.episode("test", ways=20, shots=5, queries=15, seed=0, index=0)
    assert drawn.support_images.shape == (100, 1, 28, 28)
    # Strokes are darker than the paper, and cover little of it.
    assert drawn.support_images.min() < -2 < 0 < np.median(drawn.support_images)


@pytest.mark.slow
@pytest.mark.alone
def test_cifar10(request_real: DataRequest) -> None:
    """CIFAR-10 has 10 classes, 5,000 images of each to train on and 1,000 to test on."""
    available(request_real, "cifar10")
    dataset = twice(Cifar10(Cifar10Parameters()), request_real)
    assert sizes(dataset) == {"test": (10, 1000), "train": (10, 5000)}
    assert dataset.image_shape == (3, 32, 32)
    images, labels = dataset.images("train").batch(np.arange(0, 50_000, 5_000))
    assert labels.tolist() == list(range(10))
    assert images.shape == (10, 3, 32, 32)


@pytest.mark.slow
@pytest.mark.alone
def test_photographs_in_an_archive(request_real: DataRequest) -> None:
    """Tiny ImageNet's few-shot subset at 84x84: 64, 16 and 20 classes of 120 photographs."""
    available(request_real, "tinyimagenet-fewshot")
    parameters = FolderParameters(path=Path("tinyimagenet-fewshot.tar.gz"))
    dataset = twice(Folder(parameters), request_real)
    assert sizes(dataset) == {"test": (20, 120), "train": (64, 120), "val": (16, 120)}
    assert dataset.image_shape == (3, 84, 84)


@pytest.mark.slow
@pytest.mark.alone
def test_torchmeta_omniglot(request_real: DataRequest) -> None:
    """torchmeta gives episodes of Omniglot's characters, turned by four right angles."""
    available(request_real, "omniglot")
    if not is_installed():
        pytest.skip(f"torchmeta is not installed: {' && '.join(INSTALL)}")
    dataset = twice(Torchmeta(TorchmetaParameters(name="omniglot")), request_real)
    assert sizes(dataset) == {"test": (4 * 659, 20), "train": (4 * 964, 20)}
    drawn = dataset.episode("test", ways=20, shots=5, queries=15, seed=0, index=0)
    assert drawn.query_images.shape == (300, 1, 28, 28)
    # Here strokes are brighter than the paper, and cover little of it.
    assert drawn.support_images.max() > 2
    assert np.median(drawn.support_images) < 0
