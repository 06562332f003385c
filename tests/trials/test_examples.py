"""Judged images beside a record: a few, only where they may be shown, and nothing else changes."""

from __future__ import annotations

import json
import shlex
from base64 import b64encode
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

from harness.cli.main import cli
from harness.experiment.outcome import JudgedImage
from harness.loop.episode import first_answers, groups_of
from harness.plugins.loading import load_plugins
from harness.results.load import load_results
from harness.results.record import Record
from harness.results.run_files import SIDE, read_examples, write_examples
from harness.runtime.factory import shows_images

BUDGET = "meta_epochs=0,search_steps=1,tasks=2,channels=2"
FULL = "epochs=1,channels=2"


@pytest.fixture
def photos(scratch: Path) -> Path:
    """Images of three classes, each of a grey of its own: a class is seen by its pixels."""
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for place, name in enumerate(("ant", "bee", "cat")):
            folder = scratch / "photos" / split / name
            folder.mkdir(parents=True)
            for number in range(8):
                pixels = 40 + 80 * place + random.integers(0, 9, (8, 8))
                Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{number}.png")
    return scratch / "photos"


def run(photos: Path, output: str, *more: str, task: str = "few-shot") -> tuple[Record, Path]:
    """Run one trial; return its record and its folder."""
    dataset = f"folder[path={photos},size=8,mode=gray,task={task}]"
    posed = ["--ways", "3", "--queries", "4", "--budget", BUDGET]
    posed = posed if task == "few-shot" else ["--budget", FULL]
    arguments = ["run", "-m", "weights-only", "-d", "cpu", "--dataset", dataset, *posed]
    result = CliRunner().invoke(cli, [*arguments, "-o", output, *more])
    assert result.exit_code == 0, result.output
    path, *_ = sorted(Path(output).glob("trials/*/record.json"))
    return Record.model_validate_json(path.read_text(encoding="utf-8")), path.parent


def class_of(png: bytes) -> int:
    """The class of one of the images, by its grey."""
    grey: Any = np.asarray(Image.open(BytesIO(png))).mean()
    return round((float(grey) - 44) / 80)


def test_own_photos_are_kept_only_when_asked_and_nothing_else_changes(photos: Path) -> None:
    """Key, memory, storage and accuracy are the same with `--show-images` and without."""
    plain, without = run(photos, "without")
    asked, folder = run(photos, "with", "--show-images")
    assert not (without / "examples.json").exists()
    examples = read_examples(folder)
    assert len(examples) == 8
    of_label = {each.label: class_of(each.png) for each in examples}
    assert len(set(of_label.values())) == len(of_label)  # one class, one grey
    assert all(class_of(each.png) == of_label[each.label] for each in examples)
    assert plain.trial_key == asked.trial_key
    assert [task.peak_memory_bytes for task in plain.tasks] == [
        task.peak_memory_bytes for task in asked.tasks
    ]
    for name in ("peak_memory", "storage", "accuracy"):
        assert plain.metrics[name] == asked.metrics[name]


@pytest.mark.parametrize("evaluation", ["inductive", "transductive", "both"])
def test_fewer_query_images_than_are_kept_have_an_answer_each(
    photos: Path, evaluation: str
) -> None:
    """Judged twice, an image is still shown once."""
    asked = ("--show-images", "--queries", "1", "--evaluation", evaluation)
    record, folder = run(photos, "few", *asked)
    assert record.status == "ok"
    assert len(read_examples(folder)) == 3


def test_images_of_a_full_task_have_their_classes_names(photos: Path) -> None:
    """What is written below an image is what it shows."""
    record, folder = run(photos, "full", "--show-images", task="full-task")
    examples = read_examples(folder)
    assert len(examples) == 8
    names = ("ant", "bee", "cat")
    assert all(each.label == names[class_of(each.png)] for each in examples)
    assert {each.predicted for each in examples} <= set(names)
    assert record.status == "ok"


def test_the_commands_of_results_are_those_of_their_trials(photos: Path) -> None:
    """Typed as it stands, the command finds that all is done: its trials have the same keys."""
    recipe = ("--recipe", "batch_size=4,schedule=cosine", "--evaluation", "both", "--seed", "0,2")
    run(photos, "first", *recipe)
    (command,) = load_results([Path("first")]).commands
    assert "--seed 0,2" in command
    words = [*shlex.split(command)[1:], "-o", "first", "--json"]
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout)["finished_earlier"] == 2


def test_the_commands_say_that_memory_was_not_counted(photos: Path) -> None:
    """Without it they would run other trials, whose steps are slower."""
    run(photos, "first", "--no-count-memory")
    (command,) = load_results([Path("first")]).commands
    words = [*shlex.split(command)[1:], "-o", "first", "--json"]
    result = CliRunner().invoke(cli, words)
    assert json.loads(result.stdout)["finished_earlier"] == 1


@pytest.mark.parametrize(
    ("name", "may"),
    [("glyphs", True), ("omniglot", True), ("cifar10", True), ("cifar100", True),
     ("miniimagenet", False)],
)  # fmt: skip
def test_a_provider_says_whether_its_images_may_be_shown(name: str, may: bool) -> None:
    """Those whose licence or author lets them; ImageNet's terms let nobody pass them on."""
    identity = type("Identity", (), {"name": name, "params": {}})()
    assert shows_images(load_plugins(), identity) is may


def test_the_first_answers_are_kept_and_all_pass_on() -> None:
    """Of batches of three and three, four are kept, each with its label and the best logit."""
    logits = torch.eye(3)
    batches = [(logits, torch.tensor([0, 2, 2])), (logits.flip(0), torch.tensor([1, 1, 1]))]
    kept: list[tuple[int, int]] = []
    passed = list(first_answers(batches, kept, 4))
    assert [each is other for (each, _), (other, _) in zip(passed, batches, strict=True)]
    assert len(passed) == 2
    assert kept == [(0, 0), (2, 1), (2, 2), (1, 2)]


def test_groups_have_each_class_once() -> None:
    """Images that are judged together are one of each class, in the episode's order."""
    labels: NDArray[np.int64] = np.array([2, 0, 1, 1, 0, 2])
    groups = [group.tolist() for group in groups_of(labels)]
    assert groups == [[0, 1, 2], [3, 4, 5]]


def test_an_image_is_shrunk_and_a_damaged_file_shows_nothing(tmp_path: Path) -> None:
    """A large photo is kept small; what is no PNG, or not the form, is passed over."""
    pixels = np.zeros((3, 84, 84), dtype=np.uint8)
    text = b64encode(pixels.tobytes()).decode()
    write_examples(
        tmp_path, [JudgedImage(shape=(3, 84, 84), pixels=text, label="a", predicted="b")]
    )
    (kept,) = read_examples(tmp_path)
    assert Image.open(BytesIO(kept.png)).size == (SIDE, SIDE)
    path = tmp_path / "examples.json"
    told = json.loads(path.read_text(encoding="utf-8"))
    told[0]["png"] = b64encode(b"<svg onload=alert(1)>").decode()
    path.write_text(json.dumps(told), encoding="utf-8")
    assert read_examples(tmp_path) == []
    path.write_text("{", encoding="utf-8")
    assert read_examples(tmp_path) == []
