"""An episode is a pure function of its identity, and its two sets share no image."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from harness.contracts import Episode
from harness.data.cache import DatasetContent, open_or_build
from harness.data.dataset import CachedDataset, check_setting
from harness.data.layout import DatasetLayout, EpisodeIdentity, ImagePlace, draw_episode
from harness.errors import DataError, UsageError
from harness.experiment.setting import FewShotSetting, FullTaskSetting

RunPython = Callable[..., subprocess.CompletedProcess[str]]

# The smallest class has 6 images.
COUNTS = {
    "test": {f"c{n}": 6 + n % 3 for n in range(9)},
    "train": {f"c{n}": 10 for n in range(9)},
}
LAYOUT = DatasetLayout((1, 1, 2), COUNTS)


def images() -> Iterator[tuple[ImagePlace, NDArray[np.uint8]]]:
    """Tell each image by its pixels: the first is its class, the second its number there."""
    for split, classes in COUNTS.items():
        row = 0
        for label, count in enumerate(classes.values()):
            for number in range(count):
                yield ImagePlace(split, row), np.array([[[label, number]]], dtype=np.uint8)
                row += 1


def open_dataset(folder: Path) -> CachedDataset:
    cache = open_or_build(folder, {}, lambda: DatasetContent(LAYOUT, images()))
    return CachedDataset(cache, "few-shot", "toy")


@pytest.fixture
def dataset(tmp_path: Path) -> CachedDataset:
    return open_dataset(tmp_path / "x")


def summed(episode: Episode) -> str:
    """Return the SHA-256 of all of an episode's bytes."""
    parts = (
        episode.support_images,
        episode.support_labels,
        episode.query_images,
        episode.query_labels,
    )
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


def episode(dataset: CachedDataset, **changes: Any) -> Episode:
    identity = {"split": "test", "ways": 5, "shots": 2, "queries": 3, "seed": 0, "index": 0}
    return dataset.episode(**{**identity, **changes})


def test_same_identity_gives_the_same_bytes(dataset: CachedDataset) -> None:
    """Whatever else was drawn before, an identity gives the same images in the same order."""
    first = episode(dataset)
    episode(dataset, index=1)
    assert summed(episode(dataset)) == summed(first)


def test_other_process_gives_the_same_bytes(
    tmp_path: Path, dataset: CachedDataset, run_python: RunPython
) -> None:
    """Another process, with other hashes and its global generator elsewhere, agrees."""
    code = f"""
import importlib.util, pathlib, numpy
numpy.random.seed(5)
spec = importlib.util.spec_from_file_location("episodes", {__file__!r})
tests = importlib.util.module_from_spec(spec)
spec.loader.exec_module(tests)
print(tests.summed(tests.episode(tests.open_dataset(pathlib.Path({str(tmp_path / "x")!r})))))
"""
    assert run_python("-c", code).stdout.strip() == summed(episode(dataset))


@pytest.mark.parametrize(
    "change",
    [{"split": "train"}, {"shots": 1}, {"queries": 2}, {"ways": 4}, {"seed": 1}, {"index": 1}],
)
def test_any_change_of_the_identity_gives_another_episode(
    dataset: CachedDataset, change: dict[str, Any]
) -> None:
    """Each part of the identity counts."""
    assert summed(episode(dataset, **change)) != summed(episode(dataset))


def test_fingerprint_is_part_of_the_identity() -> None:
    """Two data sets of the same sizes do not share their draws."""
    draws = [
        draw_episode(EpisodeIdentity(fingerprint, "test", 5, 5, 5, 0, 0), [20] * 50)
        for fingerprint in ("one", "two")
    ]
    assert (draws[0].support != draws[1].support).any()


def test_draws_stay_the_same_from_release_to_release() -> None:
    """The episodes of a published result can be drawn again: these rows never change."""
    draw = draw_episode(EpisodeIdentity("0" * 64, "test", 3, 2, 1, 0, 7), [4, 5, 6, 7])
    assert draw.support.tolist() == [[18, 13, 7], [15, 14, 8]]
    assert draw.query.tolist() == [[19, 11, 4]]


@given(
    sizes=st.lists(st.integers(5, 30), min_size=4, max_size=12),
    shots=st.integers(1, 3),
    queries=st.integers(1, 2),
    index=st.integers(0, 2**31),
)
def test_draws_are_without_replacement(
    sizes: list[int], shots: int, queries: int, index: int
) -> None:
    """No image comes twice, support and query are disjoint, and each column is one class."""
    ways = 4
    draw = draw_episode(EpisodeIdentity("x", "test", ways, shots, queries, 0, index), sizes)
    rows = np.concatenate([draw.support, draw.query])
    assert rows.shape == (shots + queries, ways)
    assert len(set(rows.ravel().tolist())) == rows.size
    classes = np.searchsorted(np.cumsum(sizes), rows, side="right")
    assert (classes == classes[0]).all()
    assert len(set(classes[0].tolist())) == ways


def test_every_class_and_image_is_drawn(dataset: CachedDataset) -> None:
    """Over many episodes each class takes its turn, and about equally often."""
    chosen = np.zeros(9)
    for index in range(400):
        drawn = draw_episode(EpisodeIdentity("x", "test", 3, 1, 1, 0, index), [20] * 9)
        chosen[drawn.support[0] // 20] += 1
    assert chosen.sum() == 1200
    # Binomial: 133 expected, standard deviation 9.4.
    assert np.abs(chosen - 1200 / 9).max() < 5 * 9.4


def test_labels_tell_the_classes(dataset: CachedDataset) -> None:
    """Images with one label are of one class, in support and query alike; types are as agreed."""
    drawn = episode(dataset)
    assert drawn.support_images.shape == (10, 1, 1, 2)
    assert drawn.query_images.shape == (15, 1, 1, 2)
    assert drawn.support_images.dtype == drawn.query_images.dtype == np.float32
    assert drawn.support_labels.dtype == drawn.query_labels.dtype == np.int64
    shown = np.concatenate([drawn.support_images, drawn.query_images])[:, 0, 0, 0]
    labels = np.concatenate([drawn.support_labels, drawn.query_labels])
    assert len(set(zip(shown.tolist(), labels.tolist(), strict=True))) == 5


def test_support_goes_round_the_classes(dataset: CachedDataset) -> None:
    """Batches cut from a support set see every class as often as every other."""
    assert episode(dataset).support_labels.tolist() == [0, 1, 2, 3, 4] * 2


def test_images_are_standardised(dataset: CachedDataset) -> None:
    """Over the training images each channel has mean 0 and standard deviation 1."""
    images, _ = dataset.images("train").batch(np.arange(90))
    assert images.mean() == pytest.approx(0, abs=1e-5)
    assert images.std() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ways": 10}, "10 ways are more than the 9 classes of split 'test' of data set 'toy'"),
        (
            {"shots": 4, "queries": 3},
            "4 shots and 3 queries make 7 images a class, but the smallest class of split 'test'"
            " of data set 'toy' has 6",
        ),
        ({"split": "val"}, "data set 'toy' has no split 'val'; there are: test, train"),
    ],
)
def test_setting_that_does_not_fit_is_a_clear_error(
    dataset: CachedDataset, change: dict[str, Any], sentence: str
) -> None:
    """Too many ways or images, or an unknown split: the message says what there is."""
    with pytest.raises(UsageError, match=sentence):
        episode(dataset, **change)
    setting = FewShotSetting(shots=2, queries=3).model_copy(update=change)
    with pytest.raises(UsageError, match=sentence):
        check_setting(dataset, setting, "toy")


def test_setting_that_just_fits_is_fine(dataset: CachedDataset) -> None:
    """All classes, and all images of the smallest one, can be used."""
    check_setting(dataset, FewShotSetting(ways=9, shots=1, queries=5), "toy")
    check_setting(dataset, FullTaskSetting(), "toy")
    assert len(episode(dataset, ways=9, shots=1, queries=5).support_labels) == 9


def test_zero_is_no_setting(dataset: CachedDataset) -> None:
    """An episode without classes or images is an error."""
    with pytest.raises(UsageError, match="must all be 1 or more"):
        episode(dataset, shots=0)


def test_full_task_labels_agree_across_splits(tmp_path: Path) -> None:
    """A class has one label in all splits, also where a split lacks another class."""
    layout = DatasetLayout((1, 1, 1), {"test": {"b": 1}, "train": {"a": 2, "b": 1}})
    pixels = np.zeros((1, 1, 1), dtype=np.uint8)
    places = [ImagePlace("test", 0), *(ImagePlace("train", row) for row in range(3))]
    content = DatasetContent(layout, [(place, pixels) for place in places])
    dataset = CachedDataset(open_or_build(tmp_path / "x", {}, lambda: content), "full-task", "toy")
    assert dataset.images("train").batch(np.arange(3))[1].tolist() == [0, 0, 1]
    assert dataset.images("test").batch(np.array([0]))[1].tolist() == [1]
    assert len(dataset.images("train")) == 3
    with pytest.raises(UsageError, match="has no split 'val'"):
        dataset.images("val")


@pytest.mark.parametrize(
    ("counts", "sentence"),
    [
        ({"test": {"a": 1}}, "has no split 'train'"),
        ({"test": {"b": 1}, "train": {"a": 1}}, "class 'b' of split 'test' is not in split"),
    ],
)
def test_full_task_needs_its_classes_in_training(
    tmp_path: Path, counts: dict[str, dict[str, int]], sentence: str
) -> None:
    """Images that are laid out for few-shot tasks cannot be posed as a full task."""
    pixels = np.zeros((1, 1, 1), dtype=np.uint8)
    content = DatasetContent(
        DatasetLayout((1, 1, 1), counts), [(ImagePlace(split, 0), pixels) for split in counts]
    )
    cache = open_or_build(tmp_path / "x", {}, lambda: content)
    with pytest.raises(DataError, match=sentence):
        CachedDataset(cache, "full-task", "toy")
