"""The small files of `/proc` and `/sys`, which may be missing, empty, or gone meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Tree", "UnreadableError"]


class UnreadableError(Exception):
    """Something could not be read; the message says in a few words why, for a note."""


@dataclass(frozen=True)
class Tree:
    """A machine's files below a root: `/` itself, or a recorded copy.

    Paths are written as on the machine, `/proc/meminfo`, wherever the root is.
    """

    root: Path = Path("/")

    def has(self, path: str) -> bool:
        """Say whether there is such a file."""
        return self._at(path).exists()

    def text(self, path: str) -> str:
        """Return what a file says, without blanks and NULs at its ends.

        Raises:
            UnreadableError: it is not there, may not be read, or says nothing.
        """
        try:
            text = self._at(path).read_bytes().decode("utf-8", errors="replace").strip("\0 \t\r\n")
        except FileNotFoundError:
            raise UnreadableError("not there") from None
        except OSError as error:  # any errno: drivers answer so for a part that sleeps or has gone
            raise UnreadableError(f"cannot be read: {error.strerror or error}") from None
        if not text:
            raise UnreadableError("empty")
        return text

    def number(self, path: str) -> int:
        """Return the whole number that a file consists of.

        Raises:
            UnreadableError: see `text`; or it is no whole number.
        """
        text = self.text(path)
        try:
            return int(text)
        except ValueError:
            raise UnreadableError(f"not a number: {text[:40]!r}") from None

    def matching(self, pattern: str) -> list[str]:
        """Return the paths that a pattern with `*` and `?` fits, sorted."""
        try:
            found = sorted(self.root.glob(pattern.lstrip("/")))
        except OSError:  # a folder that vanished while it was walked
            return []
        return ["/" + path.relative_to(self.root).as_posix() for path in found]

    def _at(self, path: str) -> Path:
        return self.root / path.lstrip("/")
