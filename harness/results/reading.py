"""Reads JSON files from strangers safely: only within their folder, bounded in size, validated."""

from __future__ import annotations

import gc
import stat
from codecs import BOM_UTF8
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

__all__ = [
    "FilePart",
    "UnreadableFileError",
    "leaves",
    "one_line",
    "read_model",
    "read_part",
    "without_garbage_collection",
]

# More than any record has; what is larger is not read into memory.
MAX_BYTES = 64 * 2**20

Model = TypeVar("Model", bound="BaseModel")


class UnreadableFileError(Exception):
    """A file that cannot be used; the message is a clause that has `it` as subject."""


def leaves(path: Path, root: Path) -> bool:
    """Tell whether a path is a link that leads out of `root`; its folder is taken to be inside."""
    try:
        return path.is_symlink() and not path.resolve().is_relative_to(root.resolve())
    except (OSError, RuntimeError):  # a link that leads to itself
        return True


def read_model(path: Path, root: Path, model: type[Model], schema: int) -> Model:
    """Read a JSON file as a model whose key `schema` is a version.

    Args:
        path: the file.
        root: the folder that it must not lead out of.
        model: what it has to be.
        schema: the newest version that is known.

    Raises:
        UnreadableFileError: it is missing, no file, too large, no JSON, of a newer version, or
            wrong.
    """
    from pydantic import ValidationError  # noqa: PLC0415 - slow, and lists need only `one_line`

    content = _content(path, root)
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise UnreadableFileError(_why(content, error, schema)) from None


class FilePart(NamedTuple):
    """Some bytes of a file, and how many more it has."""

    content: bytes
    left_out: int


def read_part(path: Path, most: int, *, end: bool = False) -> FilePart:
    """Read at most `most` bytes of a file in a trial's folder, from its start or its end.

    A file that is missing, unreadable, special, or a link out of the folder reads as empty.
    """
    try:
        status = path.stat()
        if leaves(path, path.parent) or not stat.S_ISREG(status.st_mode):
            return FilePart(b"", 0)  # a pipe would be waited for
        left_out = max(status.st_size - most, 0)
        with path.open("rb") as file:
            file.seek(left_out if end else 0)
            return FilePart(file.read(most), left_out)
    except OSError:
        return FilePart(b"", 0)


def one_line(text: str, limit: int = 200) -> str:
    """Make a stranger's text fit to print: one line, nothing that a terminal would obey."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


@contextmanager
def without_garbage_collection() -> Iterator[None]:
    """Turn the garbage collector off, which would go through all records again and again.

    Records have no reference cycles. Without it, reading 5,000 of them takes half as long, and
    making a page a tenth less; memory stays the same.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _content(path: Path, root: Path) -> bytes:
    if leaves(path, root):
        raise UnreadableFileError("it is a link out of the folder")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
            raise UnreadableFileError("it is not a file")
        if status.st_size > MAX_BYTES:
            raise UnreadableFileError(f"it is larger than {MAX_BYTES >> 20} MiB")
        return path.read_bytes().removeprefix(BOM_UTF8)  # which an editor may have put there
    except FileNotFoundError:
        raise UnreadableFileError("it is missing") from None
    except OSError as error:
        raise UnreadableFileError(f"it cannot be read: {error.strerror or error}") from None


def _parsed(content: bytes) -> Any:
    from pydantic_core import from_json  # noqa: PLC0415 - as above

    try:
        return from_json(content)
    except ValueError as error:
        raise UnreadableFileError(f"it is not JSON: {one_line(str(error))}") from None


def _why(content: bytes, error: ValidationError, schema: int) -> str:
    """Say why a file's content is not valid."""
    value = _parsed(content)
    found = value.get("schema") if isinstance(value, dict) else None
    if isinstance(found, int) and found > schema:
        return f"it has schema {found}, of a newer harness; this one reads up to {schema}"
    first, *others = error.errors(include_url=False, include_context=False, include_input=False)
    key = ".".join(map(str, first["loc"]))
    more = f" (and {len(others)} more)" if others else ""
    return one_line(f"'{key}': {first['msg'][:1].lower()}{first['msg'][1:]}{more}")
