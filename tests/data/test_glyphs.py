"""The glyphs are enough, legible, told apart, and the same whenever they are drawn."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from harness_datasets.glyphs import provider
from harness_datasets.glyphs.provider import DRAWN, INSTANCES, SIZE, SPLITS, Glyphs, class_names
from harness_datasets.glyphs.rendering import Renderer, Warp, draw_warp, write_drawn
from numpy.typing import NDArray

from harness.contracts import DataRequest, Dataset
from harness.errors import DataError

UPRIGHT = Warp(rotation=0.0, shear=0.0, scale=(1.3, 1.3), shift=(0.0, 0.0))

RunPython = Callable[..., subprocess.CompletedProcess[str]]

PREPARE = """
import sys
from pathlib import Path
from harness.contracts import DataRequest
from harness_datasets.glyphs.provider import Glyphs
print(Glyphs().prepare(DataRequest(None, Path(sys.argv[1]), lambda sentence: None)).fingerprint)
print("matplotlib" in sys.modules, "torch" in sys.modules)
"""


@pytest.fixture(scope="module")
def cache_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("glyphs")


@pytest.fixture(scope="module")
def dataset(cache_root: Path) -> Dataset:
    return Glyphs().prepare(DataRequest(None, cache_root, lambda sentence: None))


@pytest.fixture(scope="module")
def renderer() -> Renderer:
    return Renderer(Path(mpl.get_data_path()) / "fonts" / "ttf")


def pixels(dataset: Dataset, split: str) -> NDArray[np.float32]:
    """Return all images of a split, (classes, instances, height, width)."""
    images = dataset.images(split)
    return images.batch(np.arange(len(images)))[0].reshape(-1, INSTANCES, SIZE, SIZE)


def test_there_are_enough_classes_and_images(dataset: Dataset) -> None:
    """At least 400 classes in all and 60 to test on, each with 20 images of 28x28."""
    assert dataset.image_shape == (1, 28, 28)
    assert dataset.kind == "few-shot"
    assert sum(split.classes for split in dataset.splits.values()) >= 400
    assert dataset.splits["test"].classes >= 60
    assert {split.images_per_class for split in dataset.splits.values()} == {20}


def test_splits_have_no_script_and_no_character_in_common() -> None:
    """A script belongs to one split, and a character to one script, once."""
    scripts = [script for split in SPLITS.values() for script in split]
    characters = [c for split in SPLITS.values() for script in split.values() for c in script]
    assert len(set(scripts)) == len(scripts)
    assert len(set(characters)) == len(characters)
    names = [set(class_names(split)) for split in SPLITS]
    assert not names[0] & names[1] | names[0] & names[2] | names[1] & names[2]


def test_the_images_are_those_that_keys_were_made_of(dataset: Dataset) -> None:
    """Trials of earlier versions have this fingerprint."""
    known = "d355b1790e4b1de736bc5dcd4757c22958a6a02c15a528e9073389f5a70e3686"
    assert dataset.fingerprint == known


@pytest.mark.slow
def test_what_is_drawn_again_is_what_comes_with_the_package(tmp_path: Path) -> None:
    """Up to a few pixels, which another version of the fonts or the renderer may move."""
    write_drawn(tmp_path / "drawn.npz")
    with np.load(DRAWN) as shipped, np.load(tmp_path / "drawn.npz") as again:
        for split in SPLITS:
            assert shipped[split].shape == again[split].shape
            off = shipped[split].astype(np.int16) - again[split]
            assert np.abs(off).mean() < 1


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut off"])
def test_damaged_images_are_told(
    content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the file, and what to do."""
    path = tmp_path / "drawn.npz"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setattr(provider, "DRAWN", path)
    with pytest.raises(DataError, match=r"drawn.npz', a part .* reinstall it"):
        Glyphs().prepare(DataRequest(None, tmp_path / "cache", lambda sentence: None))


def test_second_time_draws_nothing_and_is_quick(dataset: Dataset, cache_root: Path) -> None:
    """What was drawn before is taken from the cache without a word."""
    reports: list[str] = []
    start = time.perf_counter()
    again = Glyphs().prepare(DataRequest(None, cache_root, reports.append))
    assert time.perf_counter() - start < 0.15
    assert again.fingerprint == dataset.fingerprint
    assert reports == []


def test_cached_glyphs_need_neither_matplotlib_nor_torch(
    dataset: Dataset, cache_root: Path, run_python: RunPython
) -> None:
    """A trial's process that finds them in the cache does not wait for slow imports."""
    assert run_python("-c", PREPARE, str(cache_root)).stdout.split() == [
        dataset.fingerprint,
        "False",
        "False",
    ]


def test_drawing_is_the_same_in_another_process(renderer: Renderer, run_python: RunPython) -> None:
    """Drawn anew by another process, a character gets the same pixels."""
    code = """
from pathlib import Path
import matplotlib
from harness_datasets.glyphs.rendering import Renderer, draw_warp
renderer = Renderer(Path(matplotlib.get_data_path()) / "fonts" / "ttf")
images = renderer.draw("A", [draw_warp("A", instance) for instance in range(20)])
print(b"".join(image.tobytes() for image in images).hex())
"""
    images = renderer.draw("A", [draw_warp("A", instance) for instance in range(20)])
    here = b"".join(image.tobytes() for image in images).hex()
    assert run_python("-c", code).stdout.strip() == here


def test_no_image_is_nearly_empty_or_cut_off(dataset: Dataset) -> None:
    """Each image is dark on white, has ink enough to be seen, and none at its border."""
    for split in dataset.splits:
        images = pixels(dataset, split)
        white = images.max()
        ink = (white - images) / (white - images.min())  # 0 = paper, 1 = full
        assert ink.mean(axis=(2, 3)).min() > 0.02
        assert ink.mean(axis=(2, 3)).max() < 0.5
        border = np.concatenate([ink[..., 0, :], ink[..., -1, :], ink[..., 0], ink[..., -1]], -1)
        assert border.max() < 0.5


def test_no_character_is_drawn_as_the_missing_glyph(dataset: Dataset) -> None:
    """No two classes of a split have an image in common, as empty boxes would be."""
    for split in dataset.splits:
        firsts = pixels(dataset, split)[:, 0]
        assert len({first.tobytes() for first in firsts}) == len(firsts)


def test_instances_of_a_class_differ(dataset: Dataset) -> None:
    """No image comes twice in its class: face or warp is another each time."""
    for split in dataset.splits:
        for images in pixels(dataset, split):
            assert len({image.tobytes() for image in images}) == INSTANCES


@pytest.mark.parametrize("split", sorted(SPLITS))
def test_no_two_classes_of_a_split_look_alike(renderer: Renderer, split: str) -> None:
    """Drawn upright in one face, any two characters have a cosine similarity below 0.9."""
    upright = np.stack([renderer.draw(c, [UPRIGHT])[0][0] for c in class_names(split).values()])
    ink = 1 - upright / 255.0  # (classes, SIZE, SIZE)
    soft = np.stack([blurred(image) for image in ink])
    soft /= np.linalg.norm(soft, axis=(1, 2), keepdims=True)
    flat = soft.reshape(len(soft), -1)
    for shift in [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)]:
        moved = np.roll(soft, shift, axis=(1, 2)).reshape(len(soft), -1)
        similarity = moved @ flat.T - 2 * np.eye(len(soft))
        assert similarity.max() < 0.9


def blurred(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over 3x3 pixels, so that a shift by a part of a pixel does not count."""
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(image, 1), (3, 3))
    mean: NDArray[np.float64] = windows.mean(axis=(2, 3))
    return mean


def test_warps_are_small() -> None:
    """A warp turns, shears, scales and shifts by little, and nothing is mirrored."""
    for instance in range(200):
        warp = draw_warp("A", instance)
        assert abs(warp.rotation) < 0.2
        assert max(map(abs, warp.shift)) < 0.05
        assert 0.7 < np.linalg.det(warp.matrix()) < 1.3


def test_upright_warp_only_scales() -> None:
    """Without rotation and shear, a warp's matrix holds its two scales and nothing else."""
    assert (UPRIGHT.matrix() == 1.3 * np.eye(2)).all()


def test_classes_can_be_learned(dataset: Dataset) -> None:
    """The nearest support image, pixel by pixel, is right far more often than chance (20 %)."""
    right = []
    for index in range(20):
        drawn = dataset.episode("test", ways=5, shots=1, queries=10, seed=0, index=index)
        support, query = (
            images.reshape(len(images), -1) for images in (drawn.support_images, drawn.query_images)
        )
        distances = ((query[:, None] - support[None]) ** 2).sum(axis=2)
        nearest = drawn.support_labels[distances.argmin(axis=1)]
        right.append((nearest == drawn.query_labels).mean())
    assert 0.5 < np.mean(right) < 0.99
