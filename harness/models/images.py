"""The image files that a person names: files, folders, patterns, and standard input."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from harness.errors import DataError, UsageError

__all__ = ["STANDARD_INPUT", "SUFFIXES", "image_files", "read_images"]

STANDARD_INPUT = "-"

SUFFIXES = {
    ".png", ".jpg", ".jpeg", ".jpe", ".jfif", ".gif", ".bmp", ".webp", ".ppm", ".pgm", ".pbm",
    ".tif", ".tiff", ".heic", ".heif", ".avif",
}  # fmt: skip
"""Suffixes by which files of a folder are taken for images."""

MOST_BYTES = 64 * 2**20  # of an image file


def image_files(given: Sequence[str]) -> list[str]:
    """Return the images that names stand for, in their order, each once.

    Args:
        given: files; folders, whose images are taken at any depth; patterns such as `new/*.jpg`;
            and `-`, one image on standard input.

    Raises:
        UsageError: a name stands for nothing.
    """
    found: dict[str, None] = {}
    for name in given:
        found.update(dict.fromkeys(_expanded(name)))
    return list(found)


def _expanded(name: str) -> list[str]:
    path = Path(name)
    if name == STANDARD_INPUT or path.is_file():
        return [name]
    if path.is_dir():
        inside = sorted(each for each in path.rglob("*") if _is_image(each.relative_to(path)))
        files = [str(each) for each in inside if each.is_file()]
        if not files:
            raise UsageError(f"'{name}' holds no images")
        return files
    if any(sign in name for sign in "*?["):
        base = Path(path.anchor) if path.is_absolute() else Path()
        pattern = str(path.relative_to(base)) if path.is_absolute() else name
        found = [each for each in sorted(base.glob(pattern)) if each.is_file()]
        matched = [str(each) for each in found if not each.name.startswith(".")]  # as shells do
        if matched:
            return matched
        raise UsageError(f"no file matches '{name}'")
    raise UsageError(
        f"'{name}' does not exist; name images, folders of them, or - for one on stdin"
    )


def _is_image(path: Path) -> bool:
    is_hidden = any(part.startswith(".") for part in path.parts)
    return path.suffix.lower() in SUFFIXES and not is_hidden


def read_images(names: Iterable[str]) -> Iterator[tuple[str, bytes | DataError]]:
    """Yield each name with the bytes of its file, or with why it cannot be read."""
    for name in names:
        try:
            yield name, _read(name)
        except DataError as error:
            yield name, error


def _read(name: str) -> bytes:
    try:
        if name == STANDARD_INPUT:
            content = sys.stdin.buffer.read(MOST_BYTES + 1)
        else:
            with Path(name).open("rb") as file:
                content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise DataError(f"image '{name}' cannot be read ({error.strerror or error})") from None
    if len(content) > MOST_BYTES:
        raise DataError(f"image '{name}' is larger than {MOST_BYTES:,} bytes")
    return content
