"""Writes files so that a kill at any moment leaves the old content or the new, never half."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import NotWrittenError, RunFolderError
from harness.system.durable import replace, sync_file, sync_folder
from harness.system.names import shortened, written

__all__ = ["made_folder", "not_written", "write_whole"]


def write_whole(path: Path, content: str | bytes) -> None:
    """Write to a temporary name beside `path`, flush it to the disk, then rename.

    Raises:
        NotWrittenError: the folder cannot be written to; `path` is as it was.
    """
    temporary = path.with_name(f".{shortened(path.name, 40)}-{secrets.token_hex(6)}")
    with not_written(path):
        try:
            _write(temporary, _encoded(content) if isinstance(content, str) else content)
            replace(temporary, path)
        except BaseException:  # Ctrl-C, too
            with suppress(OSError):
                temporary.unlink()
            raise
        sync_folder(path.parent)


def _encoded(text: str) -> bytes:
    """Encode text, which may name files whose names are not in UTF-8."""
    try:
        return text.encode()
    except UnicodeEncodeError:
        return written(text).encode()


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
        sync_file(file.fileno(), path)
