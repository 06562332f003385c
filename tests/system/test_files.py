"""Files are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RunFolderError
from harness.system.files import write_whole


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    """The new content takes the old one's place, and nothing else stays in the folder."""
    path = tmp_path / "record.json"
    write_whole(path, "old")
    write_whole(path, "new")
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failed_rename_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk refuses, the old content stays alone, and a sentence says so."""
    path = tmp_path / "record.json"
    write_whole(path, "old")

    def refuse(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(RunFolderError, match=r"record\.json cannot be written: No space left"):
        write_whole(path, "new")
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder_is_a_sentence(tmp_path: Path) -> None:
    """Writing into a folder that is not there says which file could not be written."""
    with pytest.raises(RunFolderError, match="cannot be written"):
        write_whole(tmp_path / "none" / "record.json", "text")
