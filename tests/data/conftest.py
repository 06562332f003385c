"""What the tests of data share: small folders of images, and a request with an empty cache."""

from __future__ import annotations

import io
import os
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

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
def real_data() -> Path:
    """Return the folder of real data sets, or skip the test."""
    folder = os.environ.get("HARNESS_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("HARNESS_DATA names no folder of real data sets")
    return Path(folder)
