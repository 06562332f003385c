"""Files that change behind the harness's back: noticed, whatever their size and times say."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from harness_datasets.own_images import Folder
from harness_datasets.parameters import FolderParameters

from harness.contracts import DataRequest, Dataset
from harness.data import cache
from harness.errors import DataError

COUNTS = {"test": {"a": 2, "b": 2}, "train": {"c": 2, "d": 2}}

Fill = Callable[..., Path]
MakeRequest = Callable[..., DataRequest]


def prepared(path: Path, request: DataRequest) -> Dataset:
    return Folder(FolderParameters(path=path, size=8)).prepare(request)


def written_over(file: Path, content: bytes) -> None:
    file.write_bytes(content)


def replaced(file: Path, content: bytes) -> None:
    other = file.with_name(".other")
    other.write_bytes(content)
    shutil.copystat(file, other)
    other.replace(file)


def swapped(file: Path, content: bytes) -> None:
    """Exchange the file with another of the same size and time."""
    file.unlink()
    file.write_bytes(content)


@pytest.mark.parametrize("change", [written_over, replaced, swapped])
@pytest.mark.parametrize("archived", [False, True])
def test_same_size_and_time_hide_no_change(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest, png: Callable[..., bytes],
    change: Callable[[Path, bytes], None], archived: bool,
) -> None:  # fmt: skip
    """Other pixels in a file of the same name, size and time of modification are read anew."""
    folder = image_folder(tmp_path / "own", COUNTS)
    changed = target = folder / "test" / "a" / "000.png"
    content = png(99)
    if archived:
        target = Path(shutil.make_archive(str(folder), "tar", folder))
        before = prepared(target, request_for()).fingerprint
        changed.write_bytes(content + bytes(len(changed.read_bytes()) - len(content)))
        content = Path(shutil.make_archive(str(tmp_path / "other"), "tar", folder)).read_bytes()
        assert len(content) == target.stat().st_size
    else:
        target.write_bytes(target.read_bytes() + b"\0" * 16)  # room for either content
        content += b"\0" * (target.stat().st_size - len(content))
        before = prepared(folder, request_for()).fingerprint
    times = target.stat().st_atime_ns, target.stat().st_mtime_ns
    change(target, content)
    os.utime(target, ns=times)
    after = prepared(target if archived else folder, request_for()).fingerprint
    assert after != before


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(path.name)
    Path(path.name).rename(path)


def link_to_pipe(path: Path) -> None:
    os.mkfifo(path.parents[3] / "pipe")
    path.symlink_to(path.parents[3] / "pipe")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", [make_pipe, make_socket, link_to_pipe])
@pytest.mark.parametrize("where", ["test/a/x.png", "README"])
def test_what_would_be_waited_for_is_refused(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest, where: str,
    make: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """A pipe or a socket among the files is named, not read."""
    monkeypatch.chdir(tmp_path)
    folder = image_folder(tmp_path / "deep" / "er" / "own", COUNTS)
    if make is link_to_pipe and "/" not in where:
        pytest.skip("one place is enough")
    make(folder / where)
    with pytest.raises(DataError, match=r"is a pipe, a socket or a device"):
        prepared(folder, request_for())


@pytest.mark.parametrize("decoder", ["1, Pillow 9.0.0", "", None])
def test_images_of_another_decoder_are_decoded_anew(
    tmp_path: Path, image_folder: Fill, request_for: MakeRequest, reports: list[str],
    monkeypatch: pytest.MonkeyPatch, decoder: str | None,
) -> None:  # fmt: skip
    """A cache that another version has made is not used, and a sentence says so."""
    folder = image_folder(tmp_path / "own", COUNTS)
    with monkeypatch.context() as patch:
        if decoder is not None:
            patch.setattr(cache, "DECODER", decoder)
        prepared(folder, request_for())
    reports.clear()
    prepared(folder, request_for())
    said = [each for each in reports if "they are decoded again" in each]
    assert len(said) == (decoder is not None)
