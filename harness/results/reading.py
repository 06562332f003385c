"""Reads JSON files that come from strangers: within their folder, bounded, checked."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

__all__ = ["UnreadableError", "leaves", "one_line", "read_json", "read_model"]

# More than any record has; what is larger is not read into memory.
MAX_BYTES = 64 * 2**20

Model = TypeVar("Model", bound=BaseModel)


class UnreadableError(Exception):
    """A file that cannot be used; the message is a clause that has `it` as subject."""


def leaves(path: Path, root: Path) -> bool:
    """Say whether a path leads out of `root` by being a link; its folder must not."""
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
        UnreadableError: it is missing, no file, too large, no JSON, of a newer version, or wrong.
    """
    content = _content(path, root)
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise UnreadableError(_why(content, error, schema)) from None


def read_json(path: Path, root: Path) -> Any:
    """Read a JSON file as it is.

    Raises:
        UnreadableError: it is missing, no file, too large, or no JSON.
    """
    return _parsed(_content(path, root))


def one_line(text: str, limit: int = 200) -> str:
    """Make a stranger's text fit to print: one line, nothing that a terminal would obey."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= limit else line[: limit - 1] + "…"


def _content(path: Path, root: Path) -> bytes:
    if leaves(path, root):
        raise UnreadableError("it is a link out of the folder")
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # a pipe would be waited for
            raise UnreadableError("it is no file")
        if status.st_size > MAX_BYTES:
            raise UnreadableError(f"it is larger than {MAX_BYTES >> 20} MiB")
        return path.read_bytes()
    except FileNotFoundError:
        raise UnreadableError("it is missing") from None
    except OSError as error:
        raise UnreadableError(f"it cannot be read: {error.strerror or error}") from None


def _parsed(content: bytes) -> Any:
    try:
        return from_json(content)
    except ValueError as error:
        raise UnreadableError(f"it is no JSON: {one_line(str(error))}") from None


def _why(content: bytes, error: ValidationError, schema: int) -> str:
    """Say what is wrong with what did not become a model."""
    value = _parsed(content)
    found = value.get("schema") if isinstance(value, dict) else None
    if isinstance(found, int) and found > schema:
        return f"it has schema {found}, of a newer harness; this one reads up to {schema}"
    first, *others = error.errors(include_url=False, include_context=False, include_input=False)
    key = ".".join(map(str, first["loc"]))
    more = f" (and {len(others)} more)" if others else ""
    return one_line(f"'{key}': {first['msg'][:1].lower()}{first['msg'][1:]}{more}")
