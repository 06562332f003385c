"""Folders and archives become data sets: found, laid out, decoded once, read again at once."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.contracts import DataRequest
from harness.data.dataset import CachedDataset
from harness.data.images import Preprocessing, decode
from harness.data.prepare import prepare_source
from harness.data.sources import find_named, open_source
from harness.errors import DataError

COUNTS = {"test": {"c": 3}, "train": {"a": 2, "b": 4}}
SMALL = Preprocessing(4, "rgb")

Fill = Callable[..., Path]
MakeRequest = Callable[..., DataRequest]


@pytest.fixture
def decodings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the list to which the name of every image that is decoded goes."""
    names: list[str] = []

    def noted(content: bytes, preprocessing: Preprocessing, where: str) -> object:
        names.append(where)
        return decode(content, preprocessing, where)

    monkeypatch.setattr("harness.data.prepare.decode", noted)
    return names


def prepared(
    path: Path, request: DataRequest, preprocessing: Preprocessing = SMALL
) -> CachedDataset:
    return prepare_source(open_source(path), preprocessing, request, name="toy", kind="few-shot")


def archived(folder: Path, suffix: str = "tar.gz") -> Path:
    kind = {"tar.gz": "gztar", "tar": "tar", "zip": "zip"}[suffix]
    return Path(shutil.make_archive(str(folder), kind, folder))


def test_splits_classes_and_images_are_found(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest, reports: list[str]
) -> None:
    """Splits tell their classes and the images of their smallest class, and progress is told."""
    dataset = prepared(image_folder(tmp_path / "toy", COUNTS), request_for())
    summaries = {split: (s.classes, s.images_per_class) for split, s in dataset.splits.items()}
    assert summaries == {"test": (1, 3), "train": (2, 2)}
    assert dataset.image_shape == (3, 4, 4)
    assert reports == [f"reading toy from {tmp_path / 'toy'}", "decoding toy: 9 images"]


@pytest.mark.parametrize("suffix", ["tar.gz", "tar", "zip"])
def test_folder_and_archive_have_one_fingerprint(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest, suffix: str
) -> None:
    """The fingerprint speaks of the images alone: not of the path, the packing or the order."""
    folder = image_folder(tmp_path / "toy", COUNTS)
    archive = archived(folder, suffix)
    assert (
        prepared(folder, request_for()).fingerprint == prepared(archive, request_for()).fingerprint
    )


def test_fingerprint_speaks_of_pixels_classes_and_splits(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest, png: Callable[..., bytes]
) -> None:
    """Another pixel, class name, split name or size gives another fingerprint."""
    folder = image_folder(tmp_path / "toy", COUNTS)
    fingerprints = [prepared(folder, request_for()).fingerprint]
    fingerprints.append(prepared(folder, request_for(), Preprocessing(5, "rgb")).fingerprint)
    (folder / "train" / "a" / "000.png").write_bytes(png(99))
    fingerprints.append(prepared(folder, request_for()).fingerprint)
    (folder / "train" / "a").rename(folder / "train" / "z")
    fingerprints.append(prepared(folder, request_for()).fingerprint)
    (folder / "test").rename(folder / "val")
    fingerprints.append(prepared(folder, request_for()).fingerprint)
    assert len(set(fingerprints)) == 5


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_second_time_decodes_nothing(
    tmp_path: Path,
    image_folder: Fill,
    request_for: MakeRequest,
    decodings: list[str],
    packed: bool,
) -> None:
    """What was decoded before is read from the cache: same images, nothing decoded or reported."""
    folder = image_folder(tmp_path / "toy", COUNTS)
    source = archived(folder) if packed else folder
    first = prepared(source, request_for())
    assert len(decodings) == 9
    second = prepared(source, request_for())
    assert len(decodings) == 9
    assert second.fingerprint == first.fingerprint


def test_changed_source_is_decoded_again(
    tmp_path: Path,
    image_folder: Fill,
    request_for: MakeRequest,
    decodings: list[str],
    png: Callable[..., bytes],
) -> None:
    """A new image in the folder gives a new cache, which takes the place of the old one."""
    folder = image_folder(tmp_path / "toy", COUNTS)
    first = prepared(folder, request_for())
    (folder / "train" / "a" / "new.png").write_bytes(png(99))
    second = prepared(folder, request_for())
    assert len(decodings) == 9 + 10
    assert second.splits["train"].images_per_class == 3
    assert second.fingerprint != first.fingerprint
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_hidden_files_and_notes_at_the_top_are_left_out(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest
) -> None:
    """What file managers leave behind, and a README beside the splits, are no images."""
    folder = image_folder(tmp_path / "toy", COUNTS)
    fingerprint = prepared(folder, request_for()).fingerprint
    for name in (".DS_Store", "train/.hidden", "train/a/._000.png", "__MACOSX/a", "README.md"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"no image")
    assert prepared(folder, request_for()).fingerprint == fingerprint
    assert prepared(archived(folder), request_for()).fingerprint == fingerprint


@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_unreadable_image_is_named_and_leaves_no_cache(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest, packed: bool
) -> None:
    """One damaged image among many is an error with its name, and nothing stays behind."""
    folder = image_folder(tmp_path / "toy", COUNTS)
    (folder / "train" / "b" / "002.png").write_bytes(b"no image")
    with pytest.raises(DataError, match=r"toy.*/train/b/002\.png' cannot be read"):
        prepared(archived(folder) if packed else folder, request_for())
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.parametrize("name", ["train/x.png", "train/a/deep/x.png"])
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "archive"])
def test_misplaced_file_is_named(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest, name: str, packed: bool
) -> None:
    """A file that is not at <split>/<class>/<image> is an error and not silently left out."""
    folder = image_folder(tmp_path / "toy", COUNTS)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"")
    with pytest.raises(DataError, match=name.removesuffix("/x.png") + ".*expected"):
        prepared(archived(folder) if packed else folder, request_for())


def test_member_named_twice_is_an_error(
    tmp_path: Path, pack: Fill, request_for: MakeRequest, png: Callable[..., bytes]
) -> None:
    """An archive with two images of one name is ambiguous, and refused."""
    archive = pack(tmp_path / "toy.tar", {"train/a/0.png": png(), "./train/a/0.png": png(1)})
    with pytest.raises(DataError, match=r"holds 'train/a/0\.png' twice"):
        prepared(archive, request_for())


def test_empty_source_is_an_error(tmp_path: Path, request_for: MakeRequest) -> None:
    """A folder without images is an error that says what was expected."""
    (tmp_path / "toy").mkdir()
    with pytest.raises(DataError, match="holds no images; expected <split>/<class>/<image>"):
        prepared(tmp_path / "toy", request_for())


def test_link_that_leads_nowhere_is_named(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest
) -> None:
    """A dangling link in the folder is an error with its name."""
    folder = image_folder(tmp_path / "toy", COUNTS)
    (folder / "train" / "a" / "link.png").symlink_to(tmp_path / "nothing")
    with pytest.raises(DataError, match=r"link\.png' cannot be read"):
        prepared(folder, request_for())


@pytest.mark.parametrize("exists", [False, True])
def test_wrong_kind_of_source_is_named(tmp_path: Path, exists: bool) -> None:
    """A path with nothing at it, and one with another file, are told apart."""
    path = tmp_path / "images.rar"
    if exists:
        path.touch()
    what = "is neither a folder nor an archive" if exists else "does not exist"
    with pytest.raises(DataError, match=rf"images\.rar' {what}; expected"):
        open_source(path)


def test_data_root_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """A data root that was given, but is missing or a file, is an error and not passed over."""
    (tmp_path / "file").touch()
    for root in (tmp_path / "missing", tmp_path / "file"):
        with pytest.raises(DataError, match=f"data root '{root}' does not exist"):
            find_named("omniglot", root)


def test_name_is_a_folder_or_an_archive_of_the_data_root(tmp_path: Path) -> None:
    """A name is looked for as `NAME/`, then as `NAME.tar.gz`, and may be neither."""
    assert find_named("toy", None) is None
    assert find_named("toy", tmp_path) is None
    (tmp_path / "toy.tar.gz").touch()
    archive = find_named("toy", tmp_path)
    assert archive is not None
    assert archive.path == tmp_path / "toy.tar.gz"
    (tmp_path / "toy").mkdir()
    folder = find_named("toy", tmp_path)
    assert folder is not None
    assert folder.path == tmp_path / "toy"


def test_cache_that_cannot_be_written_is_named(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest
) -> None:
    """A cache root that is no folder is an error that names it."""
    folder = image_folder(tmp_path / "toy", COUNTS)
    (tmp_path / "cache").touch()
    with pytest.raises(DataError, match=r"the data cache .* cannot be written"):
        prepared(folder, request_for())
