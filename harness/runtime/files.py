"""Writes files so that a kill at any moment leaves the old content or the new, never half."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import NotWrittenError, RunFolderError

__all__ = ["made_folder", "not_written", "user_cache", "write_whole"]


def write_whole(path: Path, content: str | bytes) -> None:
    """Write to a temporary name beside `path`, flush it to the disk, then rename.

    Raises:
        NotWrittenError: the folder cannot be written to; `path` is as it was.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(6)}")
    with not_written(path):
        try:
            _write(temporary, content.encode() if isinstance(content, str) else content)
            temporary.replace(path)
        except BaseException:  # Ctrl-C, too
            with suppress(OSError):
                temporary.unlink()
            raise
        _flush_folder(path.parent)


def made_folder(folder: Path) -> Path:
    """Make a folder if need be, and return it.

    Raises:
        RunFolderError: it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be made: {error.strerror or error}") from None
    return folder


@contextmanager
def not_written(path: Path) -> Iterator[None]:
    """Say in a sentence that `path` could not be written, where the system refuses.

    Raises:
        NotWrittenError: instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise NotWrittenError(f"{path} cannot be written: {error.strerror or error}") from None


def _write(path: Path, content: bytes) -> None:
    # Not mkstemp: its files are their owner's alone, and records are there to be shared.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    """Make the rename itself survive a power cut, where the system lets a folder be flushed."""
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def user_cache() -> Path:
    """Return the harness's folder in the user's cache; it need not exist."""
    from platformdirs import user_cache_path  # noqa: PLC0415 - only what uses it waits for it

    return user_cache_path("onnas-harness", appauthor=False)
