"""What the tests of data share: small folders of images, and a request with an empty cache."""

from __future__ import annotations

import importlib
import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.contracts import DataRequest

Counts = Mapping[str, Mapping[str, int]]


@pytest.fixture
def reports() -> list[str]:
    """Return the list to which everything that was reported goes."""
    return []


@pytest.fixture
def request_for(tmp_path: Path, reports: list[str]) -> Callable[..., DataRequest]:
    """Return `request_for(data_root)`, which makes a request with this test's own cache."""

    def request_for(data_root: Path | None = None) -> DataRequest:
        return DataRequest(data_root, tmp_path / "cache", reports.append)

    return request_for


@pytest.fixture
def png() -> Callable[..., bytes]:
    """Return `png(seed, size, mode)`, the bytes of a PNG image of noise."""

    def png(seed: int = 0, size: tuple[int, int] = (10, 8), mode: str = "RGB") -> bytes:
        shape = (size[1], size[0], 3)
        pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).convert(mode).save(file, "PNG")
        return file.getvalue()

    return png


@pytest.fixture
def image_folder(png: Callable[..., bytes]) -> Callable[[Path, Counts], Path]:
    """Return `image_folder(path, counts)`, which fills a folder with `<split>/<class>/<n>.png`."""

    def image_folder(path: Path, counts: Counts) -> Path:
        seed = 0
        for split, classes in counts.items():
            for label, count in classes.items():
                (path / split / label).mkdir(parents=True)
                for number in range(count):
                    (path / split / label / f"{number:03}.png").write_bytes(png(seed))
                    seed += 1
        return path

    return image_folder


@pytest.fixture
def pack() -> Callable[[Path, Mapping[str, bytes]], Path]:
    """Return `pack(path, files)`, which writes a .tar, .tar.gz or .zip with these members."""

    def pack(path: Path, files: Mapping[str, bytes]) -> Path:
        if path.suffix == ".zip":
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in files.items():
                    archive.writestr(name, content)
            return path
        with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as tar:
            for name, content in files.items():
                info = tarfile.TarInfo(name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        return path

    return pack


@pytest.fixture
def cifar_archive(pack: Callable[..., Path]) -> Callable[..., Path]:
    """Return `cifar_archive(path, labels, names)`, which writes an archive in CIFAR's binary form.

    `labels` has for each .bin file the label or labels of each image; image i of a file is full of
    number i. `names` are those of CIFAR-100's fine labels; CIFAR-10 has none.
    """

    def cifar_archive(
        path: Path, labels: Mapping[str, Sequence[Sequence[int]]], names: Sequence[str] = ()
    ) -> Path:
        files = {
            f"cifar/{name}.bin": b"".join(
                bytes(each) + bytes([i]) * 3072 for i, each in enumerate(values)
            )
            for name, values in labels.items()
        }
        files["cifar/batches.meta.txt"] = b"airplane\n"
        if names:
            files["cifar/fine_label_names.txt"] = "\n".join([*names, "", ""]).encode()
        return pack(path, files)

    return cifar_archive


@pytest.fixture
def hdf5() -> Callable[..., None]:
    """Return `hdf5(path, datasets, **attributes)`, which writes a file as torchmeta does.

    `datasets` are names with an array each, or with a list of the bytes of image files.
    """

    def hdf5(path: Path, datasets: Iterable[tuple[str, Any]], **attributes: str) -> None:
        h5py = importlib.import_module("h5py")  # comes with torchmeta, which is optional
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            for name, value in datasets:
                if isinstance(value, list):
                    kind = h5py.special_dtype(vlen=np.uint8)
                    dataset = file.create_dataset(name, (len(value),), dtype=kind)
                    for number, content in enumerate(value):
                        dataset[number] = np.frombuffer(content, dtype=np.uint8)
                else:
                    dataset = file.create_dataset(name, data=value)
                dataset.attrs.update(attributes)

    return hdf5


@pytest.fixture
def real_data() -> Path:
    """Return the folder of real data sets, or skip the test."""
    folder = os.environ.get("HARNESS_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("HARNESS_DATA names no folder of real data sets")
    return Path(folder)
