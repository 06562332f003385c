"""The made-up table, and a folder of images of two classes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.scores import correlating
from tests.spaces.conftest import table_root

__all__ = ["few_resamples", "image_root", "table_root"]


@pytest.fixture
def image_root(tmp_path: Path) -> Path:
    """Return a folder of images: two classes, three images each for training and for tests."""
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("a", "b"):
            folder = tmp_path / "images" / split / name
            folder.mkdir(parents=True)
            for number in range(3):
                pixels = random.integers(256, size=(32, 32, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / f"{number}.png")
    return tmp_path / "images"


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let intervals be of 20 resamples."""
    monkeypatch.setattr(correlating, "RESAMPLES", 20)
    monkeypatch.setattr(correlating, "FEWEST", 20)
