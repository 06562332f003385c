"""File systems without locks or flushing, or with files that are held, end no run."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from harness.data.cache import DatasetContent, open_or_build
from harness.data.layout import DatasetLayout, ImagePlace
from harness.errors import RunFolderError
from harness.models.folder import publish
from harness.planning.run_directory import RunFolder
from harness.system import files
from harness.system.files import write_whole


@pytest.fixture(autouse=True)
def _nothing_told() -> Iterator[None]:
    files._warned.clear()
    yield
    files._warned.clear()


def failing(code: int, *, of_folders: bool | None = None) -> Callable[..., None]:
    """Return a system call that fails, for folders or for files alone if that is said."""
    sync = os.fsync

    def fail(handle: int, *_: object) -> None:
        if of_folders is not None and stat.S_ISDIR(os.fstat(handle).st_mode) != of_folders:
            return sync(handle)
        raise OSError(code, os.strerror(code))

    return fail


@pytest.mark.parametrize(
    "code", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EIO]
)
def test_no_locks_are_a_warning(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where nobody can lock, a run begins, and says that another one is not kept out."""
    monkeypatch.setattr(fcntl, "flock", failing(code))
    for _ in range(2):
        with RunFolder(tmp_path / "run").locked():
            pass
    (record,) = caplog.records
    assert "has no locks; make sure that no other run writes there" in record.getMessage()


@pytest.mark.parametrize("code", [errno.EWOULDBLOCK, errno.EACCES])
def test_a_lock_that_is_held_is_another_run(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What other systems say of a lock that is held means the same."""
    monkeypatch.setattr(fcntl, "flock", failing(code))
    with (
        pytest.raises(RunFolderError, match="another run is writing"),
        RunFolder(tmp_path / "run").locked(),
    ):
        pass


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EBADF, errno.ENOTSUP, errno.EACCES])
@pytest.mark.parametrize("of_folders", [True, False])
def test_what_cannot_be_flushed_is_written_all_the_same(
    code: int,
    of_folders: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Records and decoded images are written; one warning says what a power cut may take."""
    monkeypatch.setattr(os, "fsync", failing(code, of_folders=of_folders))
    write_whole(tmp_path / "record.json", "one")
    write_whole(tmp_path / "record.json", "two")
    assert (tmp_path / "record.json").read_text() == "two"
    (tmp_path / "trial").mkdir()
    write_whole(tmp_path / "trial" / "record.json", "three")
    assert len(caplog.records) == 1
    layout = DatasetLayout((1, 2, 2), {"train": {"a": 1}})
    images = [(ImagePlace("train", 0), np.zeros((1, 2, 2), np.uint8))]
    cache = open_or_build(tmp_path / "cache", {}, lambda: DatasetContent(layout, images))
    assert cache.arrays["train"].shape == (1, 1, 2, 2)
    publish(tmp_path / "model", {"classes.json": b"[]"})
    assert (tmp_path / "model" / "classes.json").read_bytes() == b"[]"


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_loses_data_is_an_error(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flush that says the data is lost is no mere warning."""
    monkeypatch.setattr(os, "fsync", failing(code))
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_whole(tmp_path / "record.json", "text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [errno.EACCES, errno.EBUSY, errno.ETXTBSY])
def test_a_file_that_is_held_is_waited_for(
    code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A rename over a file that another program has open for a moment succeeds a little later."""
    monkeypatch.setattr(files, "WAITS_S", (0.0, 0.0))
    rename, refusals = Path.replace, [code, code]

    def replace(source: Path, target: Path) -> Path:
        if refusals:
            raise OSError(refusals.pop(), "held")
        return rename(source, target)

    (tmp_path / "plan.json").write_text("old")
    monkeypatch.setattr(Path, "replace", replace)
    write_whole(tmp_path / "plan.json", "new")
    assert (tmp_path / "plan.json").read_text() == "new"
    refusals[:] = [code] * 3
    with pytest.raises(RunFolderError, match="cannot be written: held"):
        write_whole(tmp_path / "plan.json", "newer")
    assert [path.name for path in tmp_path.iterdir()] == ["plan.json"]


def test_what_nfs_keeps_of_open_files_hinders_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder is as good as removed when only such files are left, and not when others are."""

    def refuse(folder: Path) -> None:
        raise OSError(errno.ENOTEMPTY, os.strerror(errno.ENOTEMPTY), str(folder))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    (tmp_path / ".nfs000000001").write_text("")
    files.remove_folder(tmp_path)
    (tmp_path / "record.json").write_text("")
    with pytest.raises(OSError, match="not empty"):
        files.remove_folder(tmp_path)


def test_long_names_are_written(tmp_path: Path) -> None:
    """The temporary name beside a file is short, however long the file's own name is."""
    path = tmp_path / ("ä" * 120 + ".json")
    write_whole(path, "text")
    assert path.read_text() == "text"
