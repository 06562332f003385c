"""Photos that are told apart by how bright they are, and methods as if they had raced."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from harness.adaptation.costs import Cost
from harness.adaptation.race import Contender
from harness.cli.main import cli
from harness.cost_model.profile import Prediction

MIB = 2**20


def call(*arguments: object) -> Result:
    """Call the command line."""
    words = [str(each) for each in arguments]
    return CliRunner().invoke(cli, words, prog_name="harness")


def raced(label: str, right: int, mib: float = 1.0, dropped: str = "") -> Contender:
    """Return a method that was right about so many of 100 photos."""
    cost = Cost(label, round(mib * MIB), 1000, Prediction(60.0, 50.0, 80.0))
    return Contender(cost, right, total=100, epochs=12, dropped=dropped)


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
