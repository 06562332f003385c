"""Reads archives from strangers, member by member; nothing is ever unpacked to disk.

Refused are members that would leave the folder they are unpacked in (absolute paths, `..`), links,
devices, encryption, and archives that grow beyond a bound. Sizes are counted as bytes come out of
the decompressor, since the sizes in an archive's headers are only claims.
"""

from __future__ import annotations

import gzip
import io
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from harness.errors import DataError
from harness.system.text import written

__all__ = ["DEFAULT_LIMITS", "SUFFIXES", "ArchiveLimits", "Member", "is_archive", "read_members"]

SUFFIXES = (".tar.gz", ".tgz", ".tar", ".zip")

_BLOCK = 512  # tar is made of blocks of this size; blocks of zeros end it
_CHUNK = 2**20


@dataclass(frozen=True)
class ArchiveLimits:
    """How large an archive may get, in unpacked bytes and in members (folders included)."""

    total_bytes: int = 16 * 2**30
    member_bytes: int = 64 * 2**20
    members: int = 2_000_000


DEFAULT_LIMITS = ArchiveLimits()


class Member(NamedTuple):
    """A regular file of an archive; `read` works until the next member is asked for."""

    name: str  # relative, with forward slashes, without `.` and `..`
    read: Callable[[], bytes]


def is_archive(path: Path) -> bool:
    """Return whether the name of `path` is that of an archive that `read_members` reads."""
    return path.name.lower().endswith(SUFFIXES)


def read_members(path: Path, limits: ArchiveLimits = DEFAULT_LIMITS) -> Iterator[Member]:
    """Yield the regular files of a `.tar`, `.tar.gz`, `.tgz` or `.zip`, in the archive's order.

    Raises:
        DataError: the archive is missing, truncated, corrupt, unsafe or beyond `limits`.
    """
    members = _zip_members if path.name.lower().endswith(".zip") else _tar_members
    with _damage_named(path):
        yield from members(path, _Guard(path, limits))


@dataclass
class _Guard:
    """Refuses what is unsafe in one archive, and counts what comes out of it."""

    path: Path
    limits: ArchiveLimits
    bytes_seen: int = 0
    members_seen: int = 0

    def refuse(self, reason: str) -> DataError:
        return DataError(f"archive '{self.path}' is refused: {reason}")

    def count_bytes(self, count: int) -> None:
        self.bytes_seen += count
        if self.bytes_seen > self.limits.total_bytes:
            bound = self.limits.total_bytes
            raise self.refuse(f"it holds more than {bound:,} bytes; unpack it and name the folder")

    def admit(self, name: str) -> str:
        """Count one member and return its name, relative and with forward slashes."""
        self.members_seen += 1
        if self.members_seen > self.limits.members:
            raise self.refuse(f"it has more than {self.limits.members:,} members")
        # A backslash separates names on Windows, where an archive may come from or be read.
        parts = name.replace("\\", "/").split("/")
        if parts[0] == "" or re.match(r"[A-Za-z]:", name):
            raise self.refuse(f"member {name!r} has an absolute path")
        if ".." in parts:
            raise self.refuse(f"member {name!r} leaves the folder through '..'")
        return written("/".join(part for part in parts if part not in ("", ".")))

    def check_size(self, name: str, size: int) -> None:
        if size > self.limits.member_bytes:
            raise self.refuse(f"member {name!r} is larger than {self.limits.member_bytes:,} bytes")


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn the many exceptions of broken archives into one sentence that names the file."""
    try:
        yield
    except DataError:
        raise
    except (FileNotFoundError, PermissionError) as error:
        raise DataError(f"archive '{path}' cannot be opened ({error.strerror})") from error
    except Exception as error:  # the decompressors raise a dozen kinds on damaged bytes
        raise DataError(f"archive '{path}' is truncated or corrupt ({error})") from error


# tar


def _tar_members(path: Path, guard: _Guard) -> Iterator[Member]:
    compressed = not path.name.lower().endswith(".tar")
    with path.open("rb") as raw, gzip.open(raw) if compressed else nullcontext(raw) as unpacked:
        stream = _GuardedStream(unpacked, guard)
        with tarfile.open(fileobj=stream, mode="r:") as archive:
            for info in archive:
                yield from _tar_member(archive, info, guard)
        stream.expect_end()


def _tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, guard: _Guard) -> Iterator[Member]:
    name = guard.admit(info.name)
    if info.isdir():
        return
    if not info.isreg() or info.issparse():
        raise guard.refuse(f"member {info.name!r} is a link, a device or another special file")
    guard.check_size(info.name, info.size)
    yield Member(name, partial(_read_tar_member, archive, info, guard.path))


def _read_tar_member(archive: tarfile.TarFile, info: tarfile.TarInfo, path: Path) -> bytes:
    with _damage_named(path):
        file = archive.extractfile(info)
        return file.read() if file else b""


class _GuardedStream(io.BufferedIOBase, BinaryIO):
    """What tarfile reads from: goes forwards only, and counts every byte that comes out.

    It also refuses the one header that makes tarfile ask for an unbounded amount of memory (a pax
    header with a false size), and remembers the last block, by which a whole archive is known:
    tarfile itself takes a broken header in the middle for the end.
    """

    def __init__(self, raw: BinaryIO | gzip.GzipFile, guard: _Guard) -> None:
        self._raw, self._guard = raw, guard
        self._position = 0
        self._last = b""

    def read(self, size: int | None = -1, /) -> bytes:
        if size is None or not 0 <= size <= self._guard.limits.member_bytes + _BLOCK:
            raise self._guard.refuse("one of its headers is larger than any member may be")
        self._last = self._raw.read(size)
        self._position += len(self._last)
        self._guard.count_bytes(len(self._last))
        return self._last

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence != io.SEEK_SET or offset < self._position:
            raise tarfile.ReadError("members are out of order")
        while self._position < offset and self.read(min(_CHUNK, offset - self._position)):
            pass
        return self._position

    def tell(self) -> int:
        return self._position

    def expect_end(self) -> None:
        """Check that the archive ended with its mark, and a compressed one with its checksum."""
        if self._last != bytes(_BLOCK):
            raise tarfile.ReadError("a header is broken, or the end is missing")
        while self.read(_CHUNK):
            pass


# zip


def _zip_members(path: Path, guard: _Guard) -> Iterator[Member]:
    with zipfile.ZipFile(path) as archive:
        for info in archive.infolist():
            name = guard.admit(info.filename)
            kind = stat.S_IFMT(info.external_attr >> 16)  # 0 where it comes from Windows
            if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise guard.refuse(f"member {info.filename!r} is a link or another special file")
            if info.flag_bits & 1:
                raise guard.refuse(f"member {info.filename!r} is encrypted")
            if not info.is_dir():
                yield Member(name, partial(_read_zip_member, archive, info, guard))


def _read_zip_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, guard: _Guard) -> bytes:
    with _damage_named(guard.path), archive.open(info) as file:
        content = file.read(guard.limits.member_bytes + 1)
        guard.check_size(info.filename, len(content))
        guard.count_bytes(len(content))
        return content
