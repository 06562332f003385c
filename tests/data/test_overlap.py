"""What is tested was never learned, or else that is refused, or said."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import harness
from harness.cli.main import cli
from harness.contracts import DataRequest, Dataset, Overlap
from harness.data.overlap import check_separate
from harness.errors import DataError
from harness.plugins.loading import load_plugins
from harness.plugins.selection import select

pytestmark = pytest.mark.usefixtures("toy_plugin", "scratch")

OFFLINE = "search_steps=1,tasks=1,meta_epochs=1,meta_tasks=1,meta_steps=1,meta_shots=2"


def fill(folder: Path, train: str, test: str, *, seed: int = 1) -> Path:
    """Write five images for each class; `seed` equal to 0 gives both splits the same images."""
    for split, names, offset in (("train", train, 0), ("test", test, seed * 100)):
        for place, name in enumerate(names.split()):
            (folder / split / name).mkdir(parents=True)
            for number in range(5):
                random = np.random.default_rng([offset, place, number])
                pixels = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(folder / split / name / f"{number}.png")
    return folder


def run(path: Path, *arguments: str, budget: str = OFFLINE, task: str = "few-shot") -> Result:
    data = f"folder[path={path},size=8,task={task}]"
    command = ["run", "-m", "learner", "--dataset", data, "--ways", "2", "--queries", "2", "--json"]
    return CliRunner().invoke(cli, [*command, "--budget", budget, "-o", "out", *arguments])


def as_folder(folder: Path) -> Path:
    return folder


def as_archive(folder: Path) -> Path:
    return Path(shutil.make_archive(str(folder), "gztar", folder))


@pytest.mark.parametrize("kept", [as_folder, as_archive])
@pytest.mark.parametrize(
    ("train", "test", "seed", "says"),
    [
        ("a b c", "b c d", 1, "2 classes of 'test' ('b', 'c') are in 'train' too"),
        ("a b c", "d e f", 0, "15 images of 'test' are in 'train' too"),
        ("1 2", "1 2", 0, "10 images of 'test' are in 'train' too"),
        ("n01532829 x", "n01532829 y", 1, "1 class of 'test' ('n01532829') is in 'train' too"),
    ],
)
def test_pretraining_on_what_is_tested_is_refused(
    tmp_path: Path, kept: Callable[[Path], Path], train: str, test: str, seed: int, says: str
) -> None:
    """By the names of classes, and by images whatever they are called, before anything is run."""
    result = run(kept(fill(tmp_path / "own", train, test, seed=seed)))
    assert result.exit_code == 2
    assert says in result.stderr
    assert "--allow-shared-classes" in result.stderr
    assert not Path("out").exists()


def test_a_person_may_want_it_and_records_say_so(tmp_path: Path) -> None:
    """The option warns, runs, and leaves it in the record's environment."""
    result = run(fill(tmp_path / "own", "a b", "b c"), "--allow-shared-classes")
    assert result.exit_code == 0, result.output
    assert (
        "warning: of data set 'folder', 1 class of 'test' ('b') is in 'train' too" in result.stderr
    )
    (record,) = json.loads(result.stdout)["trials"]
    assert record["environment"]["shared_with_training"].startswith("1 class of 'test'")


def photograph(seed: int) -> Image.Image:
    """Return something with the smooth shades that photographs have."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((64, 64), Image.Resampling.BICUBIC)


def saved_worse(image: Image.Image, path: Path) -> None:
    image.save(path.with_suffix(".jpg"), quality=80)


def saved_smaller(image: Image.Image, path: Path) -> None:
    image.resize((48, 48), Image.Resampling.LANCZOS).save(path.with_suffix(".png"))


def saved_as_webp(image: Image.Image, path: Path) -> None:
    image.save(path.with_suffix(".webp"), quality=90)


@pytest.mark.parametrize("save", [saved_worse, saved_smaller, saved_as_webp])
@pytest.mark.parametrize("mode", ["rgb", "gray"])
def test_photographs_that_are_almost_the_same_are_told(
    tmp_path: Path, save: Callable[[Image.Image, Path], None], mode: str
) -> None:
    """A copy in another class, saved again, is a warning that records repeat; no drawing is."""
    photos = tmp_path / "photos"
    for split, names in (("train", "ab"), ("test", "cd")):
        for place, name in enumerate(names):
            (photos / split / name).mkdir(parents=True)
            for number in range(3):
                is_copy = split == "test" and (place, number) in ((0, 1), (1, 2))
                seed = 1000 * (split == "test" and not is_copy) + 10 * place + number
                path = photos / split / name / f"{number}"
                if is_copy:
                    save(photograph(seed), path)
                else:
                    photograph(seed).save(path.with_suffix(".png"))
    plugins = load_plugins()
    provider = select(plugins, "dataset", f"folder[path={photos},size=32,mode={mode}]")[0].create()
    heard: list[str] = []
    for _ in range(2):  # the second time from what is kept of the first
        dataset = provider.prepare(DataRequest(None, tmp_path / "cache", print))
        says = check_separate(dataset, "test", "folder", allowed=False, report=heard.append)
        assert says.startswith("2 images of 'test' are almost the same as") == (mode == "rgb")
    assert heard == ([f"warning: of data set 'folder', {says}"] * 2 if mode == "rgb" else [])
    assert len(list((tmp_path / "cache").glob("*/*-sketches.npy"))) == 2 * (mode == "rgb")


def test_python_may_want_it_too(tmp_path: Path) -> None:
    """`harness.run` refuses with the same sentence, and takes the same permission."""
    data = f"folder[path={fill(tmp_path / 'own', 'a b', 'b c')},size=8]"

    def call(*, allowed: bool = False) -> harness.RunResults:
        return harness.run(
            "learner", dataset=data, ways=2, queries=2, budget=OFFLINE, output="out",
            allow_shared_classes=allowed, progress=False,
        )  # fmt: skip

    with pytest.raises(DataError, match=r"1 class of 'test' \('b'\) is in 'train' too"):
        call()
    (record,) = call(allowed=True).results.records
    assert record.environment["shared_with_training"].startswith("1 class of 'test'")


@pytest.mark.parametrize(
    ("train", "test", "budget"),
    [
        ("a b", "c d", OFFLINE),
        ("a b", "a b", "search_steps=1,tasks=1,meta_epochs=0"),
        ("0 1", "0 1", OFFLINE),
        ("class_01 class_02", "class_01 class_02", OFFLINE),
    ],
)
def test_what_is_apart_is_run(tmp_path: Path, train: str, test: str, budget: str) -> None:
    """Other classes, no pretraining, or classes that are only numbered, are not refused."""
    result = run(fill(tmp_path / "own", train, test), budget=budget)
    assert result.exit_code == 0, result.output
    assert ("they are taken for different ones" in result.stderr) == ("0" in test)


def test_a_full_task_tells_of_images_that_are_in_both(tmp_path: Path) -> None:
    """Its classes are the same by intention; the same images are a warning."""
    path = fill(tmp_path / "own", "a b", "a b", seed=0)
    budget = "epochs=1,meta_epochs=0"
    result = run(path, "-m", "toy", budget=budget, task="full-task")
    assert "warning: of data set 'folder', 10 images of 'test' are in 'train' too" in result.stderr


class Named:
    """A data set of a stranger's."""

    kind = "few-shot"
    splits = {"train": None, "test": None}  # noqa: RUF012 - never changed

    def class_names(self, split: str) -> list[str]:
        return ["cat", "dog" if split == "train" else "cow"]


class Telling(Named):
    """One that knows its images too."""

    def overlap(self, one: str, other: str) -> Overlap:
        return Overlap(images=3)


@pytest.mark.parametrize(
    ("dataset", "says"),
    [(Named(), r"1 class of 'test' \('cat'\)"), (Telling(), "3 images of 'test' are")],
)
def test_data_sets_of_plugins_are_asked(dataset: Dataset, says: str) -> None:
    """Whatever one can tell is made use of; nothing is made up of one that tells nothing."""
    with pytest.raises(DataError, match=says):
        check_separate(dataset, "test", "theirs", allowed=False, report=print)


def test_nothing_is_said_of_what_is_not_known() -> None:
    """A data set that names no classes and tells no overlap is run."""

    class Silent:
        kind = "few-shot"

    assert check_separate(Silent(), "test", "x", allowed=False, report=print) == ""  # type: ignore[arg-type] # far from whole
