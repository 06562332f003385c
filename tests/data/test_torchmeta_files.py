"""torchmeta's files are read in each of their forms, or made of what the harness reads itself."""

from __future__ import annotations

import importlib
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness_datasets.parameters import TorchmetaParameters
from harness_datasets.torchmeta.library import INSTALL, is_installed, load_torchmeta
from harness_datasets.torchmeta.provider import Torchmeta
from PIL import Image

from harness.contracts import DataRequest, Dataset
from harness.errors import DataError

pytestmark = pytest.mark.skipif(
    not is_installed(), reason=f"torchmeta is not installed: {' && '.join(INSTALL)}"
)

WriteSplits = Callable[..., None]
Pack = Callable[..., Path]
Png = Callable[..., bytes]
MakeRequest = Callable[..., DataRequest]

SPLITS = ("test", "train", "val")
CLASSES = {"test": ["a", "b"], "train": ["c", "d", "e"], "val": ["f", "g"]}
SIZES = {"test": (2, 3), "train": (3, 3), "val": (2, 3)}


def prepared(request: DataRequest, name: str, split: str = "authors") -> Dataset:
    parameters = TorchmetaParameters.model_validate({"name": name, "split": split})
    return Torchmeta(parameters).prepare(request)


def sizes(dataset: Dataset) -> dict[str, tuple[int, int]]:
    return {split: (s.classes, s.images_per_class) for split, s in dataset.splits.items()}


def asset(*names: str) -> Any:
    """Return what torchmeta has in its package about a split."""
    load_torchmeta()
    return importlib.import_module("torchmeta.datasets.utils").get_asset(*names)


@pytest.fixture
def write_splits(hdf5: Callable[..., None], png: Png) -> WriteSplits:
    """Return `write_splits(folder, side, seed, broken)`, which writes a file for each split.

    Most of torchmeta's data sets are kept so, with image files, or with arrays if there is no side.
    """

    def write_splits(folder: Path, side: int | None, seed: int = 0, broken: bytes = b"") -> None:
        value: Any = np.random.default_rng(seed).integers(0, 256, (3, 84, 84, 3), dtype=np.uint8)
        if side is not None:
            value = [png(seed, (side, side)), png(1, (side, side)), broken or png(2, (side, side))]
        for split, labels in CLASSES.items():
            datasets = [(f"datasets/{label}", value) for label in labels]
            hdf5(folder / f"{split}_data.hdf5", datasets, label_general="thing")
            (folder / f"{split}_labels.json").write_text(json.dumps(labels))

    return write_splits


@pytest.mark.parametrize("folder", ["", "torchmeta"])
@pytest.mark.parametrize(
    "case",
    [
        ("miniimagenet", None, 84),  # arrays, where the others have image files
        ("tieredimagenet", 84, 84),
        ("cub", 200, 84),
        ("doublemnist", 64, 64),
        ("triplemnist", 84, 84),
    ],
)
def test_files_of_each_split_are_read(
    tmp_path: Path, request_for: MakeRequest, write_splits: WriteSplits, folder: str, case: Any
) -> None:
    """Arrays and image files become images of the shape that torchmeta gives them."""
    name, stored, side = case
    write_splits(tmp_path / folder / name, stored)
    dataset = prepared(request_for(tmp_path), name)
    assert sizes(dataset) == SIZES
    assert dataset.image_shape == (3, side, side)
    drawn = dataset.episode("val", ways=2, shots=1, queries=2, seed=0, index=0)
    assert np.ptp(drawn.query_images) > 1


def test_cifar_fs_and_fc100_share_their_images(
    tmp_path: Path, hdf5: Callable[..., None], request_for: MakeRequest
) -> None:
    """Both read one file of images, by labels in a folder of their own."""
    folder = tmp_path / "cifar100"
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (7, 3, 32, 32, 3), dtype=np.uint8)
    names = [label for labels in CLASSES.values() for label in labels]
    hdf5(folder / "data.hdf5", zip((f"kind/{name}" for name in names), images, strict=True))
    (folder / "fine_names.json").write_text(json.dumps({"kind": names}))
    for name in ("cifar-fs", "fc100"):
        (folder / name).mkdir()
        for split, labels in CLASSES.items():
            pairs = [["kind", label] for label in labels]
            (folder / name / f"{split}_labels.json").write_text(json.dumps(pairs))
    datasets = [prepared(request_for(tmp_path), name) for name in ("cifar_fs", "fc100")]
    assert [sizes(dataset) for dataset in datasets] == [SIZES, SIZES]
    assert datasets[0].image_shape == (3, 32, 32)


def test_omniglot_of_the_data_root_is_converted(
    tmp_path: Path, pack: Pack, png: Png, request_for: MakeRequest
) -> None:
    """The harness's own Omniglot becomes torchmeta's: turned characters, white on black."""
    files = {f"{split}/{label}/0.png": b"" for split in ("test", "train") for label in "ab"}
    files |= {name.replace("0.png", "1.png"): b"" for name in files}
    drawings = {name: png(n, (105, 105), "1") for n, name in enumerate(sorted(files))}
    pack(tmp_path / "omniglot.tar.gz", drawings)
    dataset = prepared(request_for(tmp_path), "omniglot")
    assert sizes(dataset) == {"test": (8, 2), "train": (8, 2)}
    # Rows of test: a, b, then a and b turned by 90, 180 and 270 degrees against the clock.
    images = dataset.images("test").batch(np.arange(16))[0][:, 0].reshape(4, 2, 2, 28, 28)
    for turns in range(4):  # resizing rounds a level up or down, which is 0.1 of this noise
        np.testing.assert_allclose(images[turns], np.rot90(images[0], turns, (2, 3)), atol=0.15)
    assert len(list((tmp_path / "cache").iterdir())) == 1
    with pytest.raises(DataError, match=r"torchmeta's omniglot was not found: put the \.hdf5"):
        prepared(request_for(tmp_path), "omniglot", "vinyals")


def test_converted_drawings_are_inverted(
    tmp_path: Path, pack: Pack, request_for: MakeRequest
) -> None:
    """Dark strokes on white become bright strokes on black."""
    drawing = np.full((105, 105), 255, dtype=np.uint8)
    drawing[40:60] = 0
    file = io.BytesIO()
    Image.fromarray(drawing).save(file, "PNG")
    pack(tmp_path / "omniglot.tar.gz", {f"{s}/a/0.png": file.getvalue() for s in ("test", "train")})
    images = prepared(request_for(tmp_path), "omniglot").images("test").batch(np.array([0]))[0]
    assert images[0, 0, 14, 14] > images[0, 0, 0, 0]


@pytest.mark.parametrize("name", ["cifar_fs", "fc100"])
def test_cifar100_of_the_data_root_is_converted(
    tmp_path: Path, pack: Pack, png: Png, request_for: MakeRequest, name: str
) -> None:
    """All images of a class, of training and test, come to the split that torchmeta names."""
    fine = [fine for split in SPLITS for _, fine in asset("cifar100", "cifar-fs", f"{split}.json")]
    counts = {"train": 2, "test": 1}
    files = {
        f"{split}/{label}/{number}.png": png(len(label) + number, (32, 32))
        for split, count in counts.items()
        for label in fine
        for number in range(count)
    }
    pack(tmp_path / "cifar100.tar.gz", files)
    dataset = prepared(request_for(tmp_path), name)
    classes = {"cifar_fs": (20, 64, 16), "fc100": (20, 60, 20)}[name]
    assert sizes(dataset) == {s: (n, 3) for s, n in zip(SPLITS, classes, strict=True)}


def test_miniimagenet_of_the_data_root_is_converted(
    tmp_path: Path, pack: Pack, png: Png, request_for: MakeRequest
) -> None:
    """Photographs in a form that the harness reads do for torchmeta too."""
    classes = {"train": 64, "val": 16, "test": 20}
    files = {
        f"{split}/{split}{label:02}/{number}.png": png(label, (84, 84))
        for split, count in classes.items()
        for label in range(count)
        for number in range(2)
    }
    pack(tmp_path / "miniimagenet.tar.gz", files)
    dataset = prepared(request_for(tmp_path), "miniimagenet")
    assert sizes(dataset) == {split: (count, 2) for split, count in sorted(classes.items())}
    assert dataset.image_shape == (3, 84, 84)


def test_second_time_reads_nothing(
    tmp_path: Path, write_splits: WriteSplits, request_for: MakeRequest, reports: list[str]
) -> None:
    """What was decoded before is taken from the cache, until a file changes."""
    write_splits(tmp_path / "cub", 84)
    first = prepared(request_for(tmp_path), "cub")
    assert reports == [
        f"reading torchmeta's cub from {tmp_path}",
        "decoding torchmeta's cub: 21 images",
    ]
    reports.clear()
    assert prepared(request_for(tmp_path), "cub").fingerprint == first.fingerprint
    assert reports == []
    write_splits(tmp_path / "cub", 84, seed=3)
    assert prepared(request_for(tmp_path), "cub").fingerprint != first.fingerprint


def test_missing_data_says_what_would_do(tmp_path: Path, request_for: MakeRequest) -> None:
    """The message names the folders, and the harness's own data set where it would do."""
    with pytest.raises(DataError, match=r"data root as cub/ or torchmeta/cub/$"):
        prepared(request_for(tmp_path), "cub")
    with pytest.raises(DataError, match=r"--dataset cifar100 reads .* but neither .*cifar100'"):
        prepared(request_for(tmp_path), "fc100")
    with pytest.raises(DataError, match=r"would do, but no data root was given"):
        prepared(request_for(), "omniglot")
    with pytest.raises(DataError, match="data root 'nowhere' does not exist"):
        prepared(request_for(Path("nowhere")), "cub")


@pytest.mark.parametrize("damage", ["labels", "images", "image"])
def test_damaged_files_are_named(
    tmp_path: Path, write_splits: WriteSplits, request_for: MakeRequest, damage: str
) -> None:
    """Missing labels, a truncated file and a broken image leave one sentence and no cache."""
    folder = tmp_path / "cub"
    write_splits(folder, 84, broken=b"no image" if damage == "image" else b"")
    if damage == "labels":
        (folder / "val_labels.json").unlink()
    elif damage == "images":
        content = (folder / "val_data.hdf5").read_bytes()
        (folder / "val_data.hdf5").write_bytes(content[: len(content) // 2])
    with pytest.raises(DataError, match=rf"torchmeta's cub cannot be read from '{folder}' \("):
        prepared(request_for(tmp_path), "cub")
    assert list((tmp_path / "cache").glob("*")) == []


def test_wrong_classes_and_splits_are_not_converted(
    tmp_path: Path, pack: Pack, png: Png, request_for: MakeRequest
) -> None:
    """Other classes than CIFAR-100's, and other splits than Omniglot's, are named."""
    pack(tmp_path / "cifar100.tar.gz", {"train/a/0.png": png(), "test/a/0.png": png()})
    with pytest.raises(DataError, match="has other classes than CIFAR-100 in split 'test'"):
        prepared(request_for(tmp_path), "fc100")
    pack(tmp_path / "omniglot.tar.gz", {"val/a/0.png": png(), "test/a/0.png": png()})
    with pytest.raises(DataError, match="has the splits test, val; expected train and test"):
        prepared(request_for(tmp_path), "omniglot")
    assert list((tmp_path / "cache").iterdir()) == []
