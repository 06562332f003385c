"""Writes files so that a kill or a power cut leaves the old content or the new; also locks files.

Network and user-space file systems (NFS, SMB, FUSE) may lack locks, may not flush folders, or may
refuse renaming over an open file. A lock that another process holds is told apart from a file
system without locks; if a feature is missing, there is one warning, and the work goes on.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from harness.errors import NotWrittenError, RunFolderError
from harness.system.text import shortened, written

__all__ = [
    "can_flush",
    "file_sha256",
    "made_folder",
    "not_written",
    "remove_folder",
    "replace",
    "sync_file",
    "sync_folder",
    "take_lock",
    "warn_once",
    "whole_folder",
    "write_whole",
]

_logger = logging.getLogger(__name__)
_warned: set[object] = set()

HELD = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}
# Errors of a flush after which the data will never reach the disk.
LOST = {errno.EIO, errno.ENOSPC, errno.EDQUOT}
# Errors of a rename while the file is open elsewhere, such as in a virus scanner or an indexer.
BUSY = {errno.EACCES, errno.EBUSY, errno.EPERM, errno.ETXTBSY}
WAITS_S = (0.05, 0.2, 0.75)


def warn_once(sentence: str, about: object = None) -> None:
    """Warn through the log, on standard error, once in this process.

    Args:
        sentence: the warning.
        about: its topic, if later warnings on the same topic are to be left out as well.
    """
    key = sentence if about is None else about
    if key not in _warned:
        _warned.add(key)
        _logger.warning("Warning: %s", sentence)


def take_lock(handle: int) -> bool | None:
    """Lock an open file until it is closed, or this process ends.

    Returns:
        True if this process has the lock, False if another one has it, None if the file system has
        no locks.
    """
    try:
        import fcntl  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return False if error.errno in HELD else None
    return True


def sync_file(handle: int, path: Path) -> None:
    """Flush an open file to the disk.

    Args:
        handle: of the file.
        path: the name for a warning, if the file system does not flush.

    Raises:
        OSError: the disk is full or broken.
    """
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno in LOST:
            raise
        _warn_unflushed(path.parent, error)


def sync_folder(folder: Path) -> None:
    """Flush a folder, so that renames within survive a power cut.

    Raises:
        OSError: the disk is full or broken.
    """
    try:
        _flush_folder(folder)
    except OSError as error:
        if error.errno in LOST:
            raise
        _warn_unflushed(folder, error)


def can_flush(folder: Path) -> bool:
    """Tell whether the file system of a folder flushes folders."""
    try:
        _flush_folder(folder)
    except OSError:
        return False
    return True


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content.

    Raises:
        OSError: it cannot be read.
    """
    found = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(2**18):
            found.update(piece)
    return found.hexdigest()


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _warn_unflushed(folder: Path, error: OSError) -> None:
    warn_once(
        f"the file system of {folder} does not flush what is written ({error.strerror or error}); "
        "a power cut may lose the last records",
        ("unflushed", folder.stat().st_dev),  # not again for each of its folders
    )


def remove_folder(folder: Path) -> None:
    """Remove a folder and all in it, except what NFS keeps for files that are open elsewhere.

    Raises:
        OSError: something else in it cannot be removed.
    """
    try:
        shutil.rmtree(folder)
    except OSError:
        left = [path for path in folder.rglob("*") if not path.is_dir()]
        if not left or not all(path.name.startswith(".nfs") for path in left):
            raise


def replace(source: Path, target: Path) -> None:
    """Rename a file over another one; if that is open elsewhere, wait up to a second for it.

    Raises:
        OSError: it cannot be renamed.
    """
    for wait_s in WAITS_S:
        try:
            source.replace(target)
        except OSError as error:
            if error.errno not in BUSY or not target.exists():
                raise
            time.sleep(wait_s)
        else:
            return
    source.replace(target)


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


@contextmanager
def whole_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder, which is renamed to `folder` if all goes well.

    Raises:
        OSError: it cannot be made, or there is something already that is not empty.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{shortened(folder.name, 40)}-"
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=folder.parent))
    try:
        yield temporary
        temporary.chmod(0o755)
        temporary.rename(folder)  # an empty folder of that name gives way
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


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
    """Turn an OSError into a sentence that `path` could not be written.

    Raises:
        NotWrittenError: instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise NotWrittenError(f"{path} cannot be written: {error.strerror or error}") from None


def _write(path: Path, content: bytes) -> None:
    # Not mkstemp: only the owner can read its files, while records are meant to be shared.
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        sync_file(file.fileno(), path)
