"""An exported file predicts what the model does, in onnxruntime with nothing of ours."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.models.model import load_model, prepared


def session_of(path: Path) -> Any:
    """Open the file as a stranger would."""
    runtime = pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    return runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


@pytest.fixture
def photos(tmp_path: Path, photo: Callable[[int], bytes]) -> Path:
    """Photos in folders named like classes."""
    for number in range(6):
        folder = tmp_path / "photos" / ("cat", "dog", "owl")[number % 3]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(photo(number))
    return tmp_path / "photos"


@pytest.mark.parametrize("from_pixels", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_file_predicts_what_the_model_does(
    model_folder: Path, photos: Path, tmp_path: Path, *, from_pixels: bool
) -> None:
    """Logits agree to 1e-4 for any batch size, and the file says its classes."""
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    words = ["export", str(model_folder), "--to", "onnx", "-o", str(tmp_path / "m.onnx")]
    words += ["--check", str(photos), "--json", *(["--from-pixels"] if from_pixels else [])]
    result = CliRunner().invoke(cli, words, prog_name="harness", catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["images"] == told["alike"] == told["labelled"] == 6
    assert told["right_before"] == told["right_after"]
    assert told["largest_difference"] < 1e-4
    session, model = session_of(tmp_path / "m.onnx"), load_model(model_folder)
    files = sorted(photos.rglob("*.png"))
    images = np.stack([prepared(p.read_bytes(), model.preprocessing, p.name) for p in files])
    given = images * 50 + 100 if from_pixels else images
    for count in (1, 3, 6):
        (found,) = session.run(["logits"], {"images": given[:count].astype(np.float32)})
        assert np.abs(found - model.logits(images[:count]).numpy()).max() < 1e-4
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["classes"]) == ["cat", "dog", "owl"]
    assert json.loads(metadata["preprocessing"])["standardised"] is not from_pixels


def test_file_that_is_there_stays(model_folder: Path, tmp_path: Path) -> None:
    """Nothing is overwritten: one sentence, status 2."""
    pytest.importorskip("onnxscript", reason="the extra onnx is not installed")
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    (tmp_path / "m.onnx").write_text("mine")
    words = ["export", str(model_folder), "--to", "onnx", "-o", str(tmp_path / "m.onnx")]
    result = CliRunner().invoke(cli, words, prog_name="harness")
    assert result.exit_code == 2
    assert "is there already" in result.stderr
    assert (tmp_path / "m.onnx").read_text() == "mine"


def test_missing_extra_is_named(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the extra, a sentence says what to install."""
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    words = ["export", str(model_folder), "--to", "onnx", "-o", str(tmp_path / "m.onnx")]
    result = CliRunner().invoke(cli, words, prog_name="harness")
    assert result.exit_code == 2
    assert "pip install 'onnas-harness[onnx]'" in result.stderr
