"""What the server of processes writes to standard error: passed on, and kept for its last words."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

__all__ = ["captured_stderr", "end_of_stderr", "last_words", "pass_on", "told"]

STDERR = 2
KEPT = 2**14  # bytes
LONGEST = 300  # characters of last words


class _Forwarder(threading.Thread):
    """Passes on what a process writes, once it is told to, and keeps the end of it."""

    def __init__(self, source: int) -> None:
        super().__init__(daemon=True)
        self.end = b""
        self._source, self._waiting, self._passes = source, b"", False
        self._lock = threading.Lock()

    def run(self) -> None:
        while chunk := os.read(self._source, 2**16):
            with self._lock:
                self.end = (self.end + chunk)[-KEPT:]
                self._waiting += chunk
            if self._passes:
                self.pass_on()
        os.close(self._source)

    def pass_on(self) -> None:
        with self._lock, suppress(OSError):  # nobody may be there to read
            self._passes, waiting, self._waiting = True, self._waiting, b""
            while waiting:
                waiting = waiting[os.write(STDERR, waiting) :]


_stderr: _Forwarder | None = None


@contextmanager
def captured_stderr() -> Iterator[None]:
    """Have a server that starts meanwhile write its standard error to this process."""
    global _stderr  # noqa: PLW0603 - there is one server
    try:
        ours = os.dup(STDERR)
    except OSError:  # it is closed: then the server's is, too
        ours = None
    if ours is None or (_stderr is not None and _stderr.is_alive()):
        yield
        return
    source, sink = os.pipe()
    try:
        os.dup2(sink, STDERR)
        yield
    finally:
        os.dup2(ours, STDERR)
        os.close(ours)
        os.close(sink)
        _stderr = _Forwarder(source)
        _stderr.start()


def pass_on() -> None:
    """Show what the server has written; what it writes from now on is shown at once."""
    if _stderr is not None:
        _stderr.pass_on()


def end_of_stderr(wait_s: float = 0.0) -> str:
    """Return the end of what the server, and its processes before they had a log, have written."""
    if _stderr is None:
        return ""
    _stderr.join(wait_s)
    return _stderr.end.decode(errors="replace")


def told(text: str) -> str:
    """Return a clause with the last words of what a process has written; nothing if it is empty."""
    words = last_words(text)
    return f"; its last words: {words}" if words else ""


def last_words(text: str) -> str:
    """Return the last line that a process has written; of a traceback the error and its place.

    Args:
        text: what it has written, or the end of that.
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    frames = [number for number, line in enumerate(lines) if line.startswith('  File "')]
    if not frames:
        return lines[-1].strip()[:LONGEST] if lines else ""
    said = " ".join(line for line in lines[frames[-1] :] if not line.startswith(" "))
    return f"{said[:LONGEST]} ({lines[frames[-1]].strip()})"
