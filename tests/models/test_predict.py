"""Images get labels; what cannot be read is named, and the others go on."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result

import harness
from harness.cli.main import cli
from harness.data.images import image_files
from harness.models.model import load_model, prepared


def call(*arguments: object, data: bytes | None = None) -> Result:
    """Call `harness predict`."""
    words = ["predict", *map(str, arguments)]
    return CliRunner().invoke(cli, words, prog_name="harness", input=data)


@pytest.fixture
def inbox(tmp_path: Path, photo: Callable[[int], bytes]) -> Path:
    """A folder with two photos, one of them deeper, a text and a hidden file."""
    folder = tmp_path / "inbox"
    (folder / "more").mkdir(parents=True)
    (folder / "a.png").write_bytes(photo(1))
    (folder / "more" / "b.PNG").write_bytes(photo(2))
    (folder / "notes.txt").write_text("no photo")
    (folder / ".hidden.png").write_bytes(b"")
    return folder


def test_label_and_probability_are_told(model_folder: Path, inbox: Path) -> None:
    """A file gets a line with its name, the likeliest class and how likely it is."""
    result = call(model_folder, inbox / "a.png")
    assert result.exit_code == 0
    name, _, told = result.stdout.strip().rpartition(": ")
    assert name == str(inbox / "a.png")
    assert told.split(" (")[0] in {"cat", "dog", "owl"}
    assert told.endswith(" %)")


def test_probabilities_are_those_of_the_network(model_folder: Path, inbox: Path) -> None:
    """What is told is the softmax of the logits, for each class, the likeliest first."""
    (found,) = json.loads(call(model_folder, inbox / "a.png", "--json", "--top", 9).stdout)
    model = load_model(model_folder)
    image = prepared((inbox / "a.png").read_bytes(), model.preprocessing, "a.png")
    expected = model.logits(image[None]).softmax(dim=1)[0]
    values = {each["label"]: each["probability"] for each in found["labels"]}
    assert list(values.values()) == sorted(values.values(), reverse=True)
    assert [values[name] for name in model.classes] == pytest.approx(expected.tolist())
    assert sum(values.values()) == pytest.approx(1)


def test_folders_patterns_and_standard_input_are_read(
    model_folder: Path, inbox: Path, photo: Callable[[int], bytes]
) -> None:
    """A folder stands for its images at any depth, a pattern for what is like it, - for stdin."""
    both = [str(inbox / "a.png"), str(inbox / "more" / "b.PNG")]
    assert image_files([str(inbox)]) == both
    assert image_files([str(inbox / "*.png"), str(inbox / "a.png")]) == both[:1]
    result = call(model_folder, inbox, "-", "--csv", data=photo(3))
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert [row["image"] for row in rows] == [*both, "-"]
    assert all(row["label"] in {"cat", "dog", "owl"} for row in rows)


def test_bad_file_is_named_and_the_others_go_on(model_folder: Path, inbox: Path) -> None:
    """An unreadable photo is named on standard error; the status says that there was one."""
    (inbox / "b.jpg").write_bytes(b"no image")
    result = call(model_folder, inbox)
    assert result.exit_code == 1
    assert len(result.stdout.splitlines()) == 2
    assert "b.jpg' cannot be read" in result.stderr
    assert "Traceback" not in result.output


def test_what_may_not_be_read_is_named_and_the_others_go_on(
    model_folder: Path, inbox: Path
) -> None:
    """So is a folder that may not be listed, and a file in it that was given by name."""
    (inbox / "more").chmod(0)
    if os.access(inbox / "more", os.R_OK):
        pytest.skip("this user may read everything")
    result = call(model_folder, inbox, inbox / "more" / "b.PNG")
    (inbox / "more").chmod(0o755)
    assert result.exit_code == 1
    assert result.stdout.startswith(f"{inbox / 'a.png'}: ")
    for name in ("more", "more/b.PNG"):
        assert f"image '{inbox / name}' cannot be read (Permission denied)" in result.stderr


@pytest.mark.parametrize("given", ["nowhere.png", "*.none", "empty"])
def test_what_stands_for_nothing_is_an_error(
    model_folder: Path, tmp_path: Path, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name without an image is refused before anything is predicted."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    result = call(model_folder, given)
    assert result.exit_code == 2
    assert given in result.stderr


def test_folder_that_is_no_model_is_refused(tmp_path: Path) -> None:
    """A folder without a manifest is no model: one sentence, status 2."""
    (tmp_path / "a.png").write_bytes(b"x")
    result = call(tmp_path, tmp_path / "a.png")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_python_gives_the_same(model_folder: Path, inbox: Path) -> None:
    """`harness.predict` returns what the command prints."""
    found = harness.predict(model_folder, inbox, top=3)
    told = json.loads(call(model_folder, inbox, "--json", "--top", 3).stdout)
    assert [list(each.labels) for each in found] == [
        [pair["label"] for pair in each["labels"]] for each in told
    ]


def test_many_images_are_predicted_in_order(
    model_folder: Path, photo: Callable[[int], bytes]
) -> None:
    """Batches change neither order nor result: an image is judged as it would be alone."""
    model = load_model(model_folder)
    images = [(f"{n}", photo(n)) for n in range(40)]
    together = list(model.predict(images))
    assert [each.image for each in together] == [name for name, _ in images]
    (alone,) = model.predict(images[35:36])
    assert alone.labels == together[35].labels
    assert np.allclose(alone.probabilities, together[35].probabilities, atol=1e-6)
    assert torch.is_grad_enabled()
