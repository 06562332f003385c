"""People's photos: which are held out, what is refused, and what is passed over."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from harness_datasets.own_images import Photos, PhotoSplit
from harness_datasets.parameters import PhotosParameters
from PIL import Image

from harness.contracts import DataRequest, Dataset
from harness.data.sources import FolderSource
from harness.errors import DataError

Prepare = Callable[..., Dataset]


def write(folder: Path, label: str, count: int) -> Path:
    """Put photos of noise into a class."""
    (folder / label).mkdir(parents=True, exist_ok=True)
    for number in range(count):
        seed = int.from_bytes(f"{label}{number}".encode(), "big") % 2**32
        pixels = np.random.default_rng(seed).integers(0, 256, (9, 9, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        (folder / label / f"{number}.png").write_bytes(file.getvalue())
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two classes of ten and of five photos."""
    folder = tmp_path / "photos"
    write(folder, "cat", 10)
    write(folder, "dog", 5)
    return folder


@pytest.fixture
def prepare(tmp_path: Path) -> Prepare:
    """Return `prepare(path, **parameters)`."""

    def prepare(path: Path, **parameters: object) -> Dataset:
        given = PhotosParameters.model_validate({"path": path, "size": 8, **parameters})
        return Photos(given).prepare(DataRequest(None, tmp_path / "cache", print))

    return prepare


def held_out(path: Path, **parameters: object) -> set[str]:
    given = PhotosParameters.model_validate({"path": path, **parameters})
    names = PhotoSplit(FolderSource(path), given).own_names
    return {old for new, old in names.items() if new.startswith("test/")}


def test_a_share_of_each_class_is_held_out(photos: Path, prepare: Prepare) -> None:
    """A fifth of each class is for judging, the rest to learn from, and no photo is in both."""
    data = prepare(photos)
    assert len(data.images("train")) == 12
    assert len(data.images("test")) == 3
    _, labels = data.images("test").batch(np.arange(3))
    assert labels.tolist() == [0, 0, 1]
    every = np.concatenate(
        [data.images(s).batch(np.arange(n))[0] for s, n in (("train", 12), ("test", 3))]
    )
    assert len(np.unique(every.reshape(15, -1), axis=0)) == 15


def test_the_seed_alone_decides(photos: Path, tmp_path: Path) -> None:
    """The same seed holds out the same photos wherever they lie, another one others."""
    moved = tmp_path / "moved"
    photos.rename(moved)
    first = held_out(moved, seed=0)
    moved.rename(photos)
    assert held_out(photos, seed=0) == first
    assert any(held_out(photos, seed=seed) != first for seed in range(1, 5))


def test_a_rehearsal_never_sees_what_is_held_out(photos: Path) -> None:
    """It judges by photos of its own, so that the choice of a method leaves the others unseen."""
    parameters = PhotosParameters(path=photos, part="rehearsal")
    rehearsal = PhotoSplit(FolderSource(photos), parameters)
    used = set(rehearsal.own_names.values())
    assert not used & held_out(photos)
    assert len(used) == 12


def test_a_split_called_test_is_held_out_as_it_is(tmp_path: Path, prepare: Prepare) -> None:
    """Photos that a person has set aside stay aside; all other splits are learned from."""
    for split, count in (("train", 3), ("val", 2), ("test", 4)):
        for label in ("cat", "dog"):
            write(tmp_path / "p" / split, label, count)
    data = prepare(tmp_path / "p")
    assert len(data.images("train")) == 10
    assert len(data.images("test")) == 8


def test_splits_without_a_test_are_pooled(tmp_path: Path, prepare: Prepare) -> None:
    """Where nothing is called test, a share of all photos is drawn."""
    for split in ("one", "two"):
        for label in ("cat", "dog"):
            write(tmp_path / "p" / split, label, 5)
    assert len(prepare(tmp_path / "p").images("test")) == 4


def test_files_that_are_no_photos_are_passed_over(
    photos: Path, prepare: Prepare, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are counted, and one is named."""
    (photos / "cat" / "notes.txt").write_text("x")
    (photos / "cat" / "a.doc").write_text("x")
    assert len(prepare(photos).images("train")) == 12
    told = capsys.readouterr().out
    assert "skipping 2 files that are not photos (cat/a.doc, cat/notes.txt)" in told


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda p: p.mkdir(), "holds no photos; expected <class>/<photo>"),
        (lambda p: write(p.parent, p.name, 3), "holds 3 photos, but no folder for each class"),
        (lambda p: write(p, "cat", 3), "has one class, 'cat'; there must be two or more"),
        (lambda p: (write(p, "cat", 3), write(p, "dog", 1)), "class 'dog' in .* has one photo"),
        (
            lambda p: (write(p, "cat", 3), write(p, "owl", 3), (p / "dog").mkdir()),
            "class 'dog' in .* holds no photos",
        ),
        (
            lambda p: (write(p, "cat", 3), write(p, "a/dog", 3)),
            "both in <class>/<photo> and in <split>/<class>/<photo>",
        ),
        (
            lambda p: (write(p, "cat", 3), write(p, "dog", 3), (p / "dog/1.png").write_bytes(b"x")),
            r"/p/dog/1\.png' cannot be read \(it is none of PNG",
        ),
        (
            lambda p: (write(p, "test/cat", 3), write(p, "train/dog", 3)),
            "class 'cat' in .* has no photos to learn from",
        ),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    tmp_path: Path, prepare: Prepare, make: Callable[[Path], object], sentence: str
) -> None:
    """Each is one clear sentence, with exit status 2."""
    make(tmp_path / "p")
    with pytest.raises(DataError, match=sentence) as caught:
        prepare(tmp_path / "p")
    assert caught.value.exit_code == 2


def test_description_names_classes_and_statistics(photos: Path, prepare: Prepare) -> None:
    """What a model needs of its photos: names by label, and what pixels are standardised by."""
    description = prepare(photos).description()  # type: ignore[attr-defined] # not of all data sets
    assert description.classes == ("cat", "dog")
    assert len(description.mean) == len(description.deviation) == 3
    assert json.dumps(description)


@pytest.mark.parametrize("name", ["@eaDir", "#recycle", ".thumbnails", "$RECYCLE.BIN"])
def test_folders_that_a_system_leaves_are_no_classes(photos: Path, name: str) -> None:
    """A network disk's own folder holds no photo, and is none that was forgotten."""
    before = held_out(photos)
    (photos / name).mkdir()
    (photos / name / "0.png").write_bytes(b"a thumbnail")
    assert held_out(photos) == before


def test_rehearsal_opens_no_photo_again(
    photos: Path, prepare: Prepare, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is decoded already is taken over, and is what decoding would have given."""
    alone = Photos(PhotosParameters(path=photos, size=8, part="rehearsal"))
    expected = alone.prepare(DataRequest(None, tmp_path / "another", lambda _: None))
    prepare(photos)
    monkeypatch.setattr(FolderSource, "contents", lambda _: pytest.fail("a photo was opened"))
    data = prepare(photos, part="rehearsal")
    assert data.fingerprint == expected.fingerprint
    for split, count in (("train", 9), ("test", 3)):
        first, second = (each.images(split).batch(np.arange(count)) for each in (data, expected))
        assert np.array_equal(first[0], second[0])
        assert np.array_equal(first[1], second[1])
