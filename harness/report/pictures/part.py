"""Reads the start or the end of a file that may be long, and may come from a stranger."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import NamedTuple

from harness.results.reading import leaves

__all__ = ["Part", "read_part"]


class Part(NamedTuple):
    """Some bytes of a file, and how many more it has."""

    content: bytes
    left_out: int


def read_part(path: Path, most: int, *, end: bool = False) -> Part:
    """Read at most `most` bytes of a file in a trial's folder, from its start or its end.

    What is missing, unreadable, no file, or a link out of the folder, reads as empty.
    """
    try:
        status = path.stat()
        if leaves(path, path.parent) or not stat.S_ISREG(status.st_mode):
            return Part(b"", 0)  # a pipe would be waited for
        left_out = max(status.st_size - most, 0)
        with path.open("rb") as file:
            file.seek(left_out if end else 0)
            return Part(file.read(most), left_out)
    except OSError:
        return Part(b"", 0)
