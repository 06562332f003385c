"""The tutorial "My photos" on real images: three commands end with a label for a new photo."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from harness.cli.main import cli

ROOT = Path(os.environ.get("HARNESS_DATA", "nowhere"))
ARCHIVE, SPLIT = ROOT / "tinyimagenet-fewshot.tar.gz", "test"
CLASSES, PHOTOS = 5, 30

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


def call(*arguments: object) -> Result:
    words = [str(each) for each in arguments]
    result = CliRunner().invoke(cli, words, prog_name="harness", catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def images_of(
    archive: Path, split: str, classes: int = CLASSES, photos: int = PHOTOS + 1
) -> Iterator[tuple[str, bytes]]:
    """Give the class and the bytes of the first images of the first classes."""
    counts: Counter[str] = Counter()
    with tarfile.open(archive) as file:
        for member in file:
            parts = PurePosixPath(member.name).parts[-3:]
            if not member.isfile() or len(parts) < 3 or parts[0] != split:
                continue
            label = parts[1]
            if (label in counts or len(counts) < classes) and counts[label] < photos:
                counts[label] += 1
                content = file.extractfile(member)
                assert content is not None
                yield label, content.read()


@pytest.mark.skipif(
    not ARCHIVE.exists(), reason=f"HARNESS_DATA names no folder with {ARCHIVE.name}"
)
def test_three_commands_end_with_a_label(scratch: Path) -> None:
    """From 30 photos of each of five classes to a label, and an ONNX file that agrees to 1e-4."""
    counts: Counter[str] = Counter()
    for label, content in images_of(ARCHIVE, SPLIT):
        folder = scratch / ("new" if counts[label] == PHOTOS else "photos") / label
        folder.mkdir(parents=True, exist_ok=True)
        image = Image.open(io.BytesIO(content))
        image.convert("RGB").save(folder / f"{counts[label]:02d}.png")
        counts[label] += 1
    assert set(counts.values()) == {PHOTOS + 1}
    words = ["-m", "weights-only", "-d", "jetson", "-o", "model", "--json"]
    told = json.loads(call("adapt", "photos", *words).stdout)
    assert told["held_out"] == CLASSES * PHOTOS // 5
    print(told["accuracy"], told["record"]["timing"]["wall_s"])  # noqa: T201 - `pytest -s`
    lines = call("predict", "model", "new").stdout.splitlines()
    assert len(lines) == CLASSES
    assert all(line.partition(": ")[2].split(" (")[0] in counts for line in lines)
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    export = ["export", "model", "--to", "onnx", "-o", "m.onnx", "--check", "photos", "--json"]
    parity = json.loads(call(*export).stdout)
    assert parity["images"] == parity["alike"] == CLASSES * PHOTOS
    assert parity["largest_difference"] < 1e-4
