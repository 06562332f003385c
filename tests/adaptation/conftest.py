"""Photos that are told apart by how bright they are."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def photos(scratch: Path) -> Path:
    """Ten dark and ten bright photos, and a new one that is dark."""
    for number in range(10):
        for label, base in (("dark", 20), ("bright <b>", 200)):
            folder = scratch / "photos" / label
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{number}.png").write_bytes(png(base, number))
    (scratch / "new.png").write_bytes(png(20, 99))
    return scratch / "photos"


def png(base: int, seed: int) -> bytes:
    noise = np.random.default_rng(seed).integers(0, 40, (10, 12, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray((noise + base).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()
