"""An exported file predicts what the model does, in onnxruntime with nothing of ours."""

from __future__ import annotations

import json
import os
import tarfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from harness.cli.main import cli
from harness.contracts import Batch, DerivesNetwork, SearchBatch, SearchContext
from harness.experiment.budget import Budget
from harness.models import exporting
from harness.models.exporting import export_model
from harness.models.folder import Preparation, pack_model, publish
from harness.models.model import load_model, prepared
from harness.plugins.loading import load_plugins
from harness.plugins.selection import recreate
from harness.trials.full_task import Finishing


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


@pytest.mark.parametrize(
    "form", ["torchscript", pytest.param("executorch", marks=pytest.mark.slow)]
)
def test_other_formats_predict_what_the_model_does(
    model_folder: Path, photos: Path, tmp_path: Path, form: str
) -> None:
    """Logits agree to 1e-4 on real files, and the file is what the format's own runtime reads."""
    if form == "executorch":
        pytest.importorskip("executorch.exir", reason="the extra executorch is not installed")
    file = tmp_path / "model.bin"
    words = ["export", str(model_folder), "--to", form, "-o", str(file), "--check", str(photos)]
    result = CliRunner().invoke(cli, [*words, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["images"] == told["alike"] == 6
    assert told["largest_difference"] < 1e-4
    assert told["bytes"] == file.stat().st_size
    assert told["opset"] is None


def test_what_a_format_cannot_hold_is_refused(
    model_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The reason is told in a sentence, the status is 1, and nothing is left."""

    def write(*_: object) -> tuple[bytes, None]:
        raise RuntimeError("no such operator\nand a page of graph")

    broken = exporting.FORMATS["torchscript"]._replace(write=write)
    monkeypatch.setitem(exporting.FORMATS, "torchscript", broken)
    words = ["export", str(model_folder), "--to", "torchscript", "-o", str(tmp_path / "m.pt")]
    result = CliRunner().invoke(cli, words, prog_name="harness")
    assert result.exit_code == 1
    assert "torchscript cannot hold this network: no such operator\n" in result.stderr
    assert not (tmp_path / "m.pt").exists()


# One of each kind of network: derived from a supernet, as most methods do it; drawn; a backbone.
METHODS = ["onnas", "random", "transfer"]


@pytest.fixture(scope="module")
def cifar(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty images of each of ten classes, as they lie in the archive."""
    archive = Path(os.environ.get("HARNESS_DATA", "nowhere")) / "cifar10.tar.gz"
    if not archive.exists():
        pytest.skip(f"HARNESS_DATA names no folder with {archive.name}")
    folder, counts = tmp_path_factory.mktemp("cifar"), Counter[str]()
    with tarfile.open(archive) as file:
        for member in file:
            split, _, name = member.name.partition("/")
            label = name.partition("/")[0]
            if member.isfile() and split == "train" and name.count("/") == 1 and counts[label] < 20:
                counts[label] += 1
                content = file.extractfile(member)
                assert content is not None
                (folder / label).mkdir(exist_ok=True)
                (folder / name).write_bytes(content.read())
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("name", METHODS)
def test_a_methods_model_is_the_same_as_onnx(
    name: str, cifar: Path, tmp_path: Path, backbone_weights: Path
) -> None:
    """On 200 real images logits agree to 1e-4, and first classes are the same; so in TorchScript.

    The network is the derived one, where there is one, after a step of each on some of the images.
    """
    for needed in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(needed, reason="the extra onnx is not installed")
    files = sorted(map(str, cifar.rglob("*.*")))
    preparing = Preparation(size=32, mode="rgb", mean=(120.0,) * 3, deviation=(64.0,) * 3)
    learned = [prepared(Path(each).read_bytes(), preparing, each) for each in files[::25]]
    batch = Batch(torch.from_numpy(np.stack(learned)), torch.arange(len(learned)) % 10)
    parameters = {"weights": str(backbone_weights), "size": 32} if name == "transfer" else {}
    method: Any = recreate(load_plugins(), "method", name, parameters).create()
    context = SearchContext(
        image_shape=(3, 32, 32), classes=10, channels=4, budget=Budget(epochs=1), steps=1,
        device=torch.device("cpu"), generator=torch.Generator().manual_seed(0),
    )  # fmt: skip
    method.build(context)
    method.search_step([SearchBatch(batch, batch)])
    if isinstance(method, DerivesNetwork):
        method = Finishing(method.derived(), context)
        method.search_step([SearchBatch(batch, batch)])
    found = method.deployable()
    classes = tuple(sorted({Path(each).parent.name for each in files}))
    publish(tmp_path / "model", pack_model(found.architecture, found.tensors, classes, preparing))
    model = load_model(tmp_path / "model")
    for form in ("onnx", "torchscript"):
        parity = export_model(model, tmp_path / form, form, files)
        assert parity.images == parity.alike == 200
        assert parity.labelled == 200
        assert parity.right_before == parity.right_after
        assert parity.largest_difference < 1e-4
        assert (parity.opset or 0) >= 18 or form != "onnx"
    (given,) = session_of(tmp_path / "onnx").get_inputs()
    assert given.shape == ["batch", 3, 32, 32]
