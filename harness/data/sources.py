"""Sources of image files: a folder or an archive, found by a data set's name or by a path."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, Protocol

from harness.data.archive import DEFAULT_LIMITS, is_archive, read_members
from harness.data.images import read_bounded
from harness.errors import DataError
from harness.system.text import is_leftover, written

__all__ = [
    "ArchiveSource",
    "Files",
    "FolderSource",
    "Source",
    "check_data_root",
    "find_named",
    "open_source",
    "where_looked",
]

_DEPTH = 3  # <split>/<class>/<image>


class Files(Protocol):
    """Files named `<split>/<class>/<image>`, wherever they come from."""

    path: Path  # where, for messages

    def names(self) -> Iterator[str]:
        """Yield the name of each file, with forward slashes."""

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the bytes of each file."""


class Source(Files, Protocol):
    """Files that a person may change; hidden ones are left out."""

    def stamp(self) -> Mapping[str, Any]:
        """Return JSON that changes when the files do, without reading them."""

    def open_each(self, names: Collection[str], max_bytes: int) -> Iterator[tuple[str, BinaryIO]]:
        """Yield each file of `names`, open until the next one is asked for.

        Here a file may be larger than an image, up to `max_bytes`.
        """


class FolderSource:
    """The files below a folder, in sorted order; links are followed, as people keep data that way.

    Names that are not in UTF-8 are written as by `harness.system.text.written`.
    """

    def __init__(self, path: Path) -> None:
        """Take the folder; nothing is read yet."""
        self.path = path

    def stamp(self) -> Mapping[str, Any]:
        """Return each file's name, with what tells that it was written to or replaced.

        Raises:
            DataError: a folder cannot be listed, or a link leads nowhere.
        """
        try:
            stats = [(name, path.stat()) for name, path in self.files()]
        except OSError as error:  # a link that leads nowhere
            raise DataError(f"'{error.filename}' cannot be read ({error.strerror})") from error
        return {"folder": [[name, *_signs(status)] for name, status in stats]}

    def names(self) -> Iterator[str]:
        """Yield the name of each file, with forward slashes.

        Raises:
            DataError: a folder lies deeper than classes do, or cannot be listed, or something is
                neither a folder nor a file, such as a pipe.
        """
        return (name for name, _ in self.files())

    def files(self) -> Iterator[tuple[str, Path]]:
        """Yield the name of each file, and where it is."""
        for path in self._below(self.path, 1):
            yield written(path.relative_to(self.path).as_posix()), path

    def folders(self) -> Iterator[str]:
        """Yield the name of each folder that may hold files, including empty ones."""
        found = (each for pattern in ("*", "*/*") for each in sorted(self.path.glob(pattern)))
        for path in found:
            name = written(path.relative_to(self.path).as_posix())
            if path.is_dir() and _visible(name):
                yield name

    def _below(self, folder: Path, depth: int) -> Iterator[Path]:
        for entry in _listed(folder):
            if is_leftover(entry.name):
                continue
            if not entry.is_dir():
                _refuse_special(entry)
                yield entry
            elif depth < _DEPTH:
                yield from self._below(entry, depth + 1)
            else:
                raise DataError(f"'{written(str(entry))}' is a folder where an image was expected")

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the bytes of each file.

        Raises:
            DataError: a file cannot be read, or is larger than an image may be.
        """
        for name, path in self.files():
            yield name, read_bounded(path)

    def open_each(self, names: Collection[str], max_bytes: int) -> Iterator[tuple[str, BinaryIO]]:
        """Yield each file of `names`, open until the next one is asked for.

        Raises:
            DataError: a file cannot be opened, or is larger than `max_bytes`.
        """
        wanted = [(name, path) for name, path in self.files() if name in names]
        for name, path in sorted(wanted):
            try:
                file = path.open("rb")
            except OSError as error:
                raise DataError(f"'{path}' cannot be read ({error.strerror})") from error
            with file:
                if path.stat().st_size > max_bytes:
                    raise DataError(f"'{path}' is larger than {max_bytes:,} bytes")
                yield name, file


class ArchiveSource:
    """The files of a `.tar`, `.tar.gz`, `.tgz` or `.zip`, in the archive's order.

    If everything is wrapped in further folders, since a folder was packed and not its content,
    these are not part of the names.
    """

    def __init__(self, path: Path) -> None:
        """Take the archive; nothing is read yet."""
        self.path = path
        self._wrapper: str | None = None  # not known before the names are

    def stamp(self) -> Mapping[str, Any]:
        """Return the archive's path, with what tells that it was written to or replaced."""
        return {"archive": str(self.path.resolve()), "signs": _signs(self.path.stat())}

    def names(self) -> Iterator[str]:
        """Yield the name of each file; all the archive is decompressed to check it.

        Raises:
            DataError: the archive is truncated, corrupt, unsafe or too large.
        """
        names = [member.name for member in read_members(self.path) if _visible(member.name)]
        self._wrapper = _wrapper_of(names)
        return (name.removeprefix(self._wrapper) for name in names)

    def contents(self) -> Iterator[tuple[str, bytes]]:
        """Yield the name and the bytes of each file.

        Raises:
            DataError: the archive is truncated, corrupt, unsafe or too large.
        """
        wrapper = self._known_wrapper()
        for member in read_members(self.path):
            if _visible(member.name):
                yield member.name.removeprefix(wrapper), member.read()

    def open_each(self, names: Collection[str], max_bytes: int) -> Iterator[tuple[str, BinaryIO]]:
        """Yield each file of `names`, open until the next one is asked for.

        Raises:
            DataError: the archive is damaged or unsafe, or a member larger than `max_bytes`.
        """
        limits, wrapper = replace(DEFAULT_LIMITS, member_bytes=max_bytes), self._known_wrapper()
        for member in read_members(self.path, limits):
            name = member.name.removeprefix(wrapper)
            if name in names and _visible(member.name):
                yield name, io.BytesIO(member.read())

    def _known_wrapper(self) -> str:
        if self._wrapper is None:
            self.names()
        return self._wrapper or ""


def open_source(path: Path) -> Source:
    """Return the source at `path`.

    Raises:
        DataError: there is nothing, or neither a folder nor an archive.
    """
    if path.is_dir():
        return FolderSource(path)
    if path.is_file() and is_archive(path):
        return ArchiveSource(path)
    what = "is neither a folder nor an archive" if path.exists() else "does not exist"
    raise DataError(f"'{path}' {what}; expected a folder, .tar, .tar.gz, .tgz or .zip of images")


def find_named(name: str, data_root: Path | None) -> Source | None:
    """Return the data set `name` of the data root: `NAME/` or `NAME.tar.gz`; None if not there.

    Raises:
        DataError: the data root was given, but is not a folder.
    """
    check_data_root(data_root)
    if data_root is None:
        return None
    folder, archive = data_root / name, data_root / f"{name}.tar.gz"
    if folder.is_dir():
        return FolderSource(folder)
    return ArchiveSource(archive) if archive.is_file() else None


def where_looked(name: str, data_root: Path | None) -> str:
    """Return, as a part of a sentence, where `find_named` has looked in vain."""
    if data_root is None:
        return "no data root was given (--data-root)"
    return f"neither '{data_root / name}' nor '{data_root / name}.tar.gz' exists"


def check_data_root(data_root: Path | None) -> None:
    """Check that the data root, if one was given, is a folder.

    Raises:
        DataError: it is not.
    """
    if data_root is not None and not data_root.is_dir():
        raise DataError(f"data root '{data_root}' does not exist or is not a folder")


def _signs(status: os.stat_result) -> list[int]:
    """Return numbers that change when a file changes.

    Its modification time alone is not enough: copying tools and archives set it to that of another
    file. Nobody can set the change time of its inode.
    """
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _refuse_special(path: Path) -> None:
    """Refuse files whose reading may block forever.

    Raises:
        DataError: it is a pipe, a socket or a device.
    """
    with suppress(OSError):  # a link that leads nowhere: reading it says so
        if not stat.S_ISREG(path.stat().st_mode):
            raise DataError(f"'{path}' is a pipe, a socket or a device, not a file; remove it")


def _listed(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as error:
        raise DataError(f"'{folder}' cannot be listed ({error.strerror})") from error


def _visible(name: str) -> bool:
    return not any(map(is_leftover, name.split("/")))


def _wrapper_of(names: Sequence[str]) -> str:
    """Return the wrapping folders, with a slash at the end, that hold all splits.

    Images are at a depth of three. If one is deeper, the outermost folder is a wrapper; a file
    outside of all folders, such as a README, may be beside it.
    """
    deep = [name.split("/") for name in names if "/" in name]
    extra = max((len(parts) for parts in deep), default=0) - _DEPTH
    if extra <= 0 or len({tuple(parts[:extra]) for parts in deep}) != 1:
        return ""
    return "/".join(deep[0][:extra]) + "/"
