"""CIFAR's binary archives are read as they are, and what is not one of them is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from harness_datasets.cifar import CIFAR10, CIFAR100, Cifar10, Cifar100, read_archive
from harness_datasets.parameters import Cifar10Parameters, Cifar100Parameters

from harness.contracts import DataRequest, DatasetProvider
from harness.data.layout import ImagePlace
from harness.errors import DataError

Pack = Callable[..., Path]
Png = Callable[..., bytes]
MakeRequest = Callable[..., DataRequest]

NAMES = [f"class{number:02}" for number in range(100)]


def test_fine_labels_are_the_classes_of_cifar100(tmp_path: Path, cifar_archive: Pack) -> None:
    """Classes have the names that the archive lists, and keep their images in its order."""
    labels = {"train": [(0, 99), (19, 3), (5, 3)], "test": [(19, 3)]}
    content = read_archive(cifar_archive(tmp_path / "x.tar.gz", labels, NAMES), CIFAR100)
    counts = {"test": {"class03": 1}, "train": {"class03": 2, "class99": 1}}
    assert content.layout.counts == counts
    pixels = {place: int(image[0, 0, 0]) for place, image in content.images}
    train = [pixels[ImagePlace("train", row)] for row in range(3)]
    assert train == [1, 2, 0]


@pytest.mark.parametrize(
    ("labels", "names", "sentence"),
    [
        ({"train": [(0, 100)], "test": [(0, 0)]}, NAMES, r"train\.bin' has a label above 99"),
        ({"train": [(0, 1)]}, NAMES, r"lacks train\.bin or test\.bin or fine_label_names\.txt"),
        ({"train": [(0, 1)], "test": [(0, 0)]}, [], r"lacks train\.bin or test\.bin or fine"),
        ({"train": [(0, 1)], "test": [(0, 0)]}, NAMES[::-1], "does not list 100 names of classes"),
        ({"train": [(0, 1)], "test": [(0, 0)]}, NAMES[:99], "does not list 100 names of classes"),
    ],
)
def test_other_content_than_cifar100_is_named(
    tmp_path: Path,
    cifar_archive: Pack,
    labels: dict[str, list[tuple[int, int]]],
    names: list[str],
    sentence: str,
) -> None:
    """A wrong label, a missing file and names that are not the classes' are told apart."""
    path = cifar_archive(tmp_path / "x.tar.gz", labels, names)
    with pytest.raises(DataError, match=sentence):
        read_archive(path, CIFAR100)


@pytest.mark.parametrize(
    ("labels", "cut", "sentence"),
    [
        (
            {"data_batch_1": [[10]], "test_batch": [[0]]},
            0,
            r"data_batch_1\.bin' has a label above 9",
        ),
        ({"data_batch_1": [[1]]}, 0, r"lacks data_batch_1\.bin to 5 or test_batch\.bin"),
        ({"data_batch_1": [[1]], "test_batch": [[0]]}, 5, "truncated or corrupt"),
    ],
)
def test_other_content_than_cifar10_is_named(
    tmp_path: Path,
    cifar_archive: Pack,
    labels: dict[str, list[list[int]]],
    cut: int,
    sentence: str,
) -> None:
    """A wrong label, a missing file and a missing end are told apart."""
    path = cifar_archive(tmp_path / "x.tar.gz", labels)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) - cut])
    with pytest.raises(DataError, match=sentence):
        read_archive(path, CIFAR10)


def test_batch_of_broken_records_is_named(tmp_path: Path, pack: Pack) -> None:
    """A batch that ends within a record is an error with its name."""
    path = pack(tmp_path / "x.tar.gz", {"b/test_batch.bin": bytes(3074), "b/data.bin": b""})
    with pytest.raises(DataError, match=r"b/test_batch\.bin' is not a whole number of 3,073-byte"):
        read_archive(path, CIFAR10)


@pytest.mark.parametrize("name", ["cifar10", "cifar100"])
def test_cifar_can_be_posed_as_few_shot(
    tmp_path: Path, pack: Pack, png: Png, request_for: MakeRequest, name: str
) -> None:
    """Images of the data root are a full task, or episodes with the parameter `task`."""
    files = [f"{split}/{c}/{n}.png" for split in ("train", "test") for c in "ab" for n in range(3)]
    pack(tmp_path / f"{name}.tar.gz", {file: png(i) for i, file in enumerate(files)})
    full: DatasetProvider = Cifar10(Cifar10Parameters())
    few: DatasetProvider = Cifar10(Cifar10Parameters(task="few-shot"))
    if name == "cifar100":
        full, few = Cifar100(Cifar100Parameters()), Cifar100(Cifar100Parameters(task="few-shot"))
    assert full.prepare(request_for(tmp_path)).kind == "full-task"
    dataset = few.prepare(request_for(tmp_path))
    assert dataset.kind == "few-shot"
    assert len(dataset.episode("test", ways=2, shots=1, queries=2, seed=0, index=0).query_labels)
