"""Writes files so that a kill at any moment leaves the old content or the new, never half."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from harness.errors import RunFolderError

__all__ = ["write_whole"]


def write_whole(path: Path, content: str | bytes) -> None:
    """Write to a temporary name beside `path`, flush it to the disk, then rename.

    Raises:
        RunFolderError: the folder cannot be written to; `path` is as it was.
    """
    temporary = None
    try:
        temporary = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
        # Not mkstemp: its files are their owner's alone, and records are there to be shared.
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _flush_folder(path.parent)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise RunFolderError(f"{path} cannot be written: {error.strerror or error}") from None


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system lets a folder be flushed."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
