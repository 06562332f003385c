"""Standard streams that never end a command: closed, full, without a reader, or of few signs.

A run of hours must not be lost because the terminal went away, a pipe's reader has seen enough, the
disk that its messages go to is full, or its tables hold a sign that the terminal has no code for.
Between two machines that talk to each other, streams carry lines of JSON, and files.
"""

from __future__ import annotations

import codecs
import errno
import io
import json
import os
import select
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from harness.errors import DataError
from harness.system.text import escaped

__all__ = ["CHUNK", "SafeStream", "Wire", "guard_streams", "is_terminal", "tell", "unwritten"]

SIGNS = "harness-signs"  # the name of an error handler of codecs

# What takes the place of signs that an encoding lacks; others are written as escapes.
PLAIN = {
    "−": "-", "–": "-", "—": "-", "…": "...", "±": "+/-", "×": "x", "µ": "u", "μ": "u",
    "α": "alpha", "β": "beta", "σ": "sigma", "Δ": "delta", "≤": "<=", "≥": ">=", "→": "->",
    "°": " deg", "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*", "─": "-", "━": "-",
}  # fmt: skip


def _plainly(error: UnicodeError) -> tuple[str | bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    plain = "".join(PLAIN.get(sign) or escaped(sign) for sign in signs)
    return plain.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(SIGNS, _plainly)


class SafeStream(io.TextIOBase):
    """Writes text to an open file at once; once that fails, whatever else is written is dropped.

    Attributes:
        failure: why; None where nothing failed, or only the reader has gone.
        is_missing: it was closed when the command began.
    """

    encoding = "utf-8"
    errors = SIGNS

    def __init__(self, handle: int, encoding: str = "utf-8", *, is_missing: bool = False) -> None:
        """Take an open file; `encoding` is what its reader expects."""
        self._handle, self.encoding, self.is_missing = handle, encoding, is_missing
        self._is_lost = False
        self.failure: OSError | None = None

    def write(self, text: str) -> int:
        """Write text; signs that the encoding lacks are replaced."""
        if not isinstance(text, str):
            raise TypeError(f"write() takes text, not {type(text).__name__}")
        if not self._is_lost:
            try:
                self._put(text.encode(self.encoding, self.errors))
            except OSError as error:
                self._is_lost = True
                self.failure = None if error.errno == errno.EPIPE else error
        return len(text)

    def _put(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            try:
                rest = rest[os.write(self._handle, rest) :]
            except BlockingIOError:  # a pipe that another program has made so
                select.select([], [self._handle], [])

    def fileno(self) -> int:
        """Return the number of the open file."""
        return self._handle

    def isatty(self) -> bool:
        """Tell whether it is a terminal."""
        return os.isatty(self._handle)

    def writable(self) -> bool:
        """Say that it can be written to."""
        return True


def guard_streams() -> None:
    """Make the standard streams of this process safe; for a command, before anything else opens.

    The places of closed streams are taken by the null device: whatever is opened next would get
    their numbers, and what is printed would go into a record.
    """
    streams = {"stdin": sys.stdin, "stdout": sys.stdout, "stderr": sys.stderr}
    for number, stream in enumerate(streams.values()):
        if stream is None:
            _occupy(number)
    if sys.stdin is None:
        sys.stdin = open(os.devnull, encoding="utf-8")  # noqa: SIM115, PTH123 - for as long as it runs
    sys.stdout = _safe(1, sys.stdout)
    sys.stderr = _safe(2, sys.stderr)


def _occupy(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        handle = os.open(os.devnull, os.O_RDWR)
        if handle != number:
            os.dup2(handle, number)
            os.close(handle)
        os.set_inheritable(number, True)


def _safe(number: int, stream: TextIO | None) -> TextIO:
    if stream is None:  # its number may be some other file's by now
        handle = os.open(os.devnull, os.O_WRONLY)
        return SafeStream(handle, is_missing=True)  # type: ignore[return-value] # as below
    if not _has_number(stream, number):
        return stream  # somebody else's, such as a test's
    with suppress(OSError):
        stream.flush()
    # Not a `TextIO`, whose `buffer` would be a way around it; whatever prints takes it for one.
    return SafeStream(number, stream.encoding or "utf-8")  # type: ignore[return-value]


def _has_number(stream: TextIO, number: int) -> bool:
    try:
        return stream.fileno() == number
    except (OSError, ValueError):
        return False


def unwritten() -> OSError | None:
    """Return why not all results were written, unless their reader went away; None: they were."""
    return sys.stdout.failure if isinstance(sys.stdout, SafeStream) else None


def is_terminal(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal; one that is closed, or was never there, is none."""
    try:
        return stream is not None and stream.isatty()
    except (OSError, ValueError):
        return False


def tell(sentence: str) -> None:
    """Print a line on standard error, whatever became of it; the work is not to suffer."""
    stream = sys.stderr
    if stream is None:
        return
    with suppress(OSError, ValueError):
        encoding = getattr(stream, "encoding", None) or "utf-8"
        plain = sentence.encode(encoding, SIGNS).decode(encoding)
        print(plain, file=stream, flush=True)


CHUNK = 2**18  # bytes
MOST_LINE = 64 * 2**20  # bytes: the names of a million photos


class Wire:
    """Lines of JSON both ways, and the bytes of files after the lines that announce them."""

    def __init__(self, source: int, sink: int) -> None:
        """Take two open files: to read from, and to write to."""
        self._source, self._sink, self._waiting = source, sink, bytearray()

    def send(self, **message: Any) -> None:
        """Send a line."""
        self._write(json.dumps(message).encode() + b"\n")

    def send_file(self, path: Path, size: int) -> None:
        """Send the bytes of a file.

        Raises:
            DataError: it cannot be read, or has fewer by now.
        """
        try:
            file = path.open("rb")
        except OSError as error:
            raise DataError(f"'{path}' cannot be read ({error.strerror})") from None
        with file:
            while size:
                piece = file.read(min(size, CHUNK))
                if not piece:
                    raise DataError(f"'{path}' has changed while it was sent; try again")
                size -= len(piece)
                self._write(piece)

    def _write(self, content: bytes) -> None:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(self._sink, rest) :]

    def receive(self, wait_s: float | None = None) -> dict[str, Any] | None:
        """Return the next line; None if there is none after so long, where a time is given.

        Raises:
            EOFError: the other side has gone.
            ValueError: it is not a line of JSON with an object.
        """
        while b"\n" not in self._waiting:
            if wait_s is not None and not select.select([self._source], [], [], wait_s)[0]:
                return None
            if len(self._waiting) > MOST_LINE:
                raise EOFError
            self._waiting += self._chunk(CHUNK)
        end = self._waiting.index(b"\n") + 1
        line = bytes(self._waiting[:end])
        del self._waiting[:end]
        message = json.loads(line)
        if not isinstance(message, dict):
            raise ValueError("it is not an object")
        return message

    def read(self, size: int) -> Iterator[bytes]:
        """Yield the next so many bytes, in pieces.

        Raises:
            EOFError: the other side has gone.
        """
        while size:
            if not self._waiting:
                self._waiting += self._chunk(min(size, CHUNK))
            piece = bytes(self._waiting[:size])
            del self._waiting[:size]
            size -= len(piece)
            yield piece

    def _chunk(self, most: int) -> bytes:
        found = os.read(self._source, most)
        if not found:
            raise EOFError
        return found
