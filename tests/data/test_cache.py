"""The cache is whole or not there: after a kill, after damage, and with two processes at once."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.data.cache import DatasetContent, open_or_build
from harness.data.layout import DatasetLayout, ImagePlace
from harness.errors import DataError

RunPython = Callable[..., subprocess.CompletedProcess[str]]

LAYOUT = DatasetLayout((1, 2, 2), {"test": {"a": 1}, "train": {"b": 2, "c": 1}})

BUILD = """
import os, sys
from pathlib import Path
import numpy as np
from harness.data.cache import DatasetContent, open_or_build
from harness.data.layout import DatasetLayout, ImagePlace

def images():
    for row in range(200):
        if row == 100 and "killed" in sys.argv:
            os._exit(9)
        yield ImagePlace("train", row), np.full((1, 16, 16), row, dtype=np.uint8)

layout = DatasetLayout((1, 16, 16), {"train": {"a": 200}})
cache = open_or_build(Path(sys.argv[1]), {}, lambda: DatasetContent(layout, images()))
assert (cache.arrays["train"][:, 0, 0, 0] == np.arange(200)).all()
print(cache.fingerprint)
"""


class Maker:
    """Makes four images and counts how often it was asked to."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> DatasetContent:
        self.calls += 1
        return DatasetContent(LAYOUT, self.images())

    def images(self) -> Iterator[tuple[ImagePlace, NDArray[np.uint8]]]:
        for split, row in (("train", 2), ("test", 0), ("train", 0), ("train", 1)):
            yield ImagePlace(split, row), np.full(LAYOUT.shape, 10 * row + 5, dtype=np.uint8)


@pytest.fixture
def make() -> Maker:
    return Maker()


def test_images_come_to_their_places(tmp_path: Path, make: Maker) -> None:
    """Images that arrive in any order are read back at their rows, from a read-only map."""
    cache = open_or_build(tmp_path / "x", {}, make)
    assert cache.arrays["train"][:, 0, 0, 0].tolist() == [5, 15, 25]
    assert cache.arrays["test"].shape == (1, 1, 2, 2)
    assert cache.layout == LAYOUT
    with pytest.raises(ValueError, match="read-only"):
        cache.arrays["train"][0] = 0


def test_statistics_are_those_of_the_training_images(tmp_path: Path, make: Maker) -> None:
    """Mean and standard deviation are over the split `train`, in units of 0 to 255."""
    cache = open_or_build(tmp_path / "x", {}, make)
    assert cache.mean == [15.0]
    assert cache.deviation == pytest.approx([np.std([5, 15, 25])])


def test_statistics_without_training_images_are_those_of_all(tmp_path: Path) -> None:
    """Without a split `train` all images count, and a constant channel gets the deviation 1."""
    layout = DatasetLayout((2, 1, 1), {"test": {"a": 1}, "val": {"a": 1}})
    pixels = {"test": [0, 7], "val": [100, 7]}
    images = [
        (ImagePlace(split, 0), np.array(values, dtype=np.uint8).reshape(2, 1, 1))
        for split, values in pixels.items()
    ]
    cache = open_or_build(tmp_path / "x", {}, lambda: DatasetContent(layout, images))
    assert cache.mean == [50.0, 7.0]
    assert cache.deviation == [50.0, 1.0]


def test_cache_is_built_once_for_each_stamp(tmp_path: Path, make: Maker) -> None:
    """The same stamp opens what is there; another one builds anew in its place."""
    open_or_build(tmp_path / "x", {"size": 1}, make)
    open_or_build(tmp_path / "x", {"size": 1}, make)
    assert make.calls == 1
    open_or_build(tmp_path / "x", {"size": 2}, make)
    assert make.calls == 2
    assert [path.name for path in tmp_path.iterdir()] == ["x"]


def shorten(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\0")


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [Path.unlink, shorten, lengthen, empty])
@pytest.mark.parametrize("name", ["meta.json", "split0.npy", "split1.npy"])
def test_damaged_cache_is_built_again(
    tmp_path: Path, make: Maker, name: str, damage: Callable[[Path], None]
) -> None:
    """A missing, short, long or empty file is found on opening, and the cache is made anew."""
    first = open_or_build(tmp_path / "x", {}, make)
    damage(tmp_path / "x" / name)
    second = open_or_build(tmp_path / "x", {}, make)
    assert make.calls == 2
    assert second.fingerprint == first.fingerprint
    assert second.arrays["train"][:, 0, 0, 0].tolist() == [5, 15, 25]


def test_file_in_the_place_of_the_cache_is_replaced(tmp_path: Path, make: Maker) -> None:
    """Something else under the cache's name does not keep it from being built."""
    (tmp_path / "x").write_text("not a folder")
    open_or_build(tmp_path / "x", {}, make)
    assert (tmp_path / "x" / "meta.json").is_file()


def test_arrays_that_are_pickles_are_not_loaded(tmp_path: Path, make: Maker) -> None:
    """An array file that holds Python objects is damage, and is never unpickled."""
    open_or_build(tmp_path / "x", {}, make)
    np.save(tmp_path / "x" / "split0.npy", np.array([print], dtype=object), allow_pickle=True)
    open_or_build(tmp_path / "x", {}, make)
    assert make.calls == 2


def test_image_too_few_is_an_error(tmp_path: Path) -> None:
    """A source that changed while it was read leaves no cache with holes in it."""
    with pytest.raises(DataError, match="changed while it was read"):
        open_or_build(tmp_path / "x", {}, lambda: DatasetContent(LAYOUT, []))
    assert list(tmp_path.iterdir()) == []


def test_kill_leaves_nothing_half_made(tmp_path: Path, run_python: RunPython) -> None:
    """A process that dies halfway leaves no cache under the name; the next one builds it."""
    build = ["-c", BUILD, str(tmp_path / "x")]
    assert run_python(*build, "killed").returncode == 9
    assert not (tmp_path / "x").exists()
    assert run_python(*build).returncode == 0
    assert (tmp_path / "x" / "meta.json").is_file()


def test_remains_of_killed_processes_are_removed_after_a_day(tmp_path: Path, make: Maker) -> None:
    """A temporary folder is removed once it is old, and left to its process before that."""
    for name, age_s in (("old", 2 * 24 * 3600), ("new", 60)):
        folder = tmp_path / f".building-{name}"
        folder.mkdir()
        os.utime(folder, (time.time() - age_s,) * 2)
    open_or_build(tmp_path / "x", {}, make)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".building-new", "x"]


def test_processes_at_once_do_no_harm(tmp_path: Path, run_python: RunPython) -> None:
    """Three processes that build the same cache at the same time all get the same images."""
    with ThreadPoolExecutor() as threads:
        runs = [threads.submit(run_python, "-c", BUILD, str(tmp_path / "x")) for _ in range(3)]
    processes = [run.result() for run in runs]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len({process.stdout for process in processes}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["x"]
