"""`doctor` tells of each condition of a machine that it can see, and what to do."""

from __future__ import annotations

import errno
import fcntl
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pytest

from harness.system import limits
from harness.system.limits import Check, check_folder, check_surroundings
from harness.system.streams import SafeStream

Found = Callable[[], dict[str, Check]]


@pytest.fixture
def surroundings() -> Found:
    """Return `surroundings()`: each check of what commands meet, by its subject."""
    return lambda: {each.subject: each for each in check_surroundings()}


@pytest.fixture
def in_folder(tmp_path: Path) -> Found:
    """Return `in_folder()`: each check of a folder that is not there yet, by its subject."""
    root = tmp_path / "root"
    root.mkdir()
    folder = root / "none" / "runs"

    def in_folder() -> dict[str, Check]:
        found = {each.subject: each for each in check_folder("run folder", folder, "--output")}
        assert list(root.iterdir()) == []
        return found

    return in_folder


def refusing(code: int) -> Callable[..., NoReturn]:
    def refuse(*_: object) -> NoReturn:
        raise OSError(code, os.strerror(code))

    return refuse


def test_a_sound_machine_has_no_warning(
    surroundings: Found, in_folder: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every subject is told where all is well, too."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")  # noqa: S108 - where sockets are short
    monkeypatch.setattr(limits, "ENOUGH_BYTES", 0)
    monkeypatch.setattr(limits, "ENOUGH_ADDRESSES", 0)
    monkeypatch.setattr(limits, "ENOUGH_FILES", 0)
    found = {**surroundings(), **in_folder()}
    assert {each.status for each in found.values()} == {"ok"}, found
    subjects = {"locale", "standard output", "standard error", "home", "temporary folder"}
    subjects |= {"open files", "plotting", "run folder", "run folder's file system"}
    assert set(found) == subjects


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS])
def test_a_file_system_without_locks_is_a_warning(
    code: int, in_folder: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is missing, what it means, and the option for another folder."""
    monkeypatch.setattr(fcntl, "flock", refusing(code))
    found = in_folder()["run folder's file system"]
    assert (found.status, found.finding) == (
        "warning",
        "has no locks, so two runs are not kept apart",
    )
    assert "--output" in found.advice


def test_a_file_system_that_flushes_nothing_is_a_warning(
    in_folder: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both faults are told at once."""
    monkeypatch.setattr(os, "fsync", refusing(errno.EINVAL))
    assert "a power cut" in in_folder()["run folder's file system"].finding
    monkeypatch.setattr(fcntl, "flock", refusing(errno.ENOLCK))
    assert " and does not flush folders" in in_folder()["run folder's file system"].finding


@pytest.mark.parametrize(
    ("stream", "finding"),
    [
        (None, "closed; output there is lost"),
        (SafeStream(1, is_missing=True), "closed; output there is lost"),
        (SafeStream(1, "cp1252"), "cp1252; characters that it lacks are replaced"),
        (SafeStream(1, "ascii"), "ascii; characters that it lacks are replaced"),
    ],
)
def test_streams_are_told(
    stream: Any, finding: str, surroundings: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stream that is closed, or of few signs, is a warning."""
    monkeypatch.setattr(sys, "stderr", stream)
    found = surroundings()["standard error"]
    assert (found.status, found.finding) == ("warning", finding)


def test_homes_and_temporary_folders_are_told(
    surroundings: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that cannot be written to, and a temporary folder that is too long for sockets."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    found = surroundings()
    assert found["home"].finding == f"{tmp_path / 'file'} cannot be written to"
    assert "too long for sockets" in found["temporary folder"].finding
    assert "TMPDIR" in found["temporary folder"].advice
    monkeypatch.setattr(tempfile, "gettempdir", refusing(errno.ENOENT))
    assert surroundings()["temporary folder"].status == "problem"


def test_limits_and_plotting_are_told(surroundings: Found, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few open files, names that are not in UTF-8, and a backend that counts for nothing."""
    monkeypatch.setattr(limits, "open_files", lambda: 64)
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    monkeypatch.setenv("MPLBACKEND", "module://mine")
    found = surroundings()
    assert (found["open files"].status, found["open files"].finding) == ("warning", "64 a process")
    assert "LC_ALL=C.UTF-8" in found["locale"].advice
    assert found["plotting"].finding.endswith("MPLBACKEND=module://mine is ignored here")
