"""Starts Python processes that import nothing from the working folder, and keeps their last words.

`python -c` and `python -m`, and so multiprocessing, put the working folder first on the module
path: a person's file `platform.py` or folder `harness` there would be run. From Python 3.11 on,
`-P` forbids that. On every version it helps to start processes in a folder that is on the path
anyway: that of the standard library.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = [
    "away_from_working_folder",
    "captured_stderr",
    "end_of_stderr",
    "forget_working_folder",
    "last_words",
    "pass_on",
    "run_python",
    "spawn_safely",
    "told",
    "undo_safe_path",
]

MODULE_PATH = "PYTHONPATH"
SAFE_PATH = "PYTHONSAFEPATH"  # any value means `-P`; ours is `MARK`, so that it can be undone
MARK = "for-harness"

STDERR = 2
KEPT = 2**14  # bytes
LONGEST = 300  # characters of last words


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter with the same module path as this one, and wait for it.

    Args:
        arguments: after the interpreter's name, such as `-m` and a module.

    Returns:
        How it ended, with what it wrote.
    """
    path = _absolute(sys.path)
    return subprocess.run(  # noqa: S603 - our own interpreter, with arguments of our own
        [sys.executable, *arguments],
        cwd=_standard_library(),
        env={**os.environ, MODULE_PATH: path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )


@contextmanager
def away_from_working_folder() -> Iterator[None]:
    """Start processes in another folder meanwhile.

    Processes of multiprocessing change to the folder of their parent by themselves, once they run.
    """
    path = os.environ.get(MODULE_PATH)
    before = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))  # O_PATH: it may be unreadable
    try:
        if path:  # it may be relative
            os.environ[MODULE_PATH] = _absolute(path.split(os.pathsep))
        os.chdir(_standard_library())
        yield
    finally:
        os.fchdir(before)
        os.close(before)
        if path:
            os.environ[MODULE_PATH] = path


@contextmanager
def spawn_safely() -> Iterator[None]:
    """Keep the working folder off the module path of processes that multiprocessing spawns.

    They are handed the path of this process, on which an empty entry stands for that folder.
    """
    place = sys.path.index("") if "" in sys.path else None
    mine = SAFE_PATH not in os.environ
    try:
        if place is not None:
            del sys.path[place]
        if mine:
            os.environ[SAFE_PATH] = MARK
        yield
    finally:
        if place is not None:
            sys.path.insert(place, "")
        if mine:
            del os.environ[SAFE_PATH]


def undo_safe_path() -> None:
    """Give the processes that this one starts the module path they would have without us."""
    if os.environ.get(SAFE_PATH) == MARK:
        del os.environ[SAFE_PATH]


def forget_working_folder(program: str) -> None:
    """Remove the working folder, which `python -m` has put first, from the module path.

    Unless the program itself is there, as in a checkout that is not installed.

    Args:
        program: the file of one of its packages.
    """
    if getattr(sys.flags, "safe_path", False) or not sys.path:
        return
    with suppress(OSError):  # the folder is gone
        first = Path(sys.path[0] or ".").resolve()
        if first == Path.cwd() and first != Path(program).resolve().parents[1]:
            del sys.path[0]


def _absolute(path: Iterable[str]) -> str:
    """Join entries of a module path, without empty ones, which stand for the working folder."""
    return os.pathsep.join(str(Path(entry).absolute()) for entry in path if entry)


def _standard_library() -> str:
    return sysconfig.get_path("stdlib")


class _Forwarder(threading.Thread):
    """Keeps the end of what a process writes, and passes it on once `pass_on` was called."""

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
    """Send the standard error of a server that starts meanwhile to this process."""
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
    """Return the end of what the server has written, and its processes before they had a log."""
    if _stderr is None:
        return ""
    _stderr.join(wait_s)
    return _stderr.end.decode(errors="replace")


def told(text: str) -> str:
    """Return a clause that quotes the last line of a process's output; empty without output."""
    words = last_words(text)
    return f"; its last words: {words}" if words else ""


def last_words(text: str) -> str:
    """Return the last line of a process's output; for a traceback, the error and its place.

    Args:
        text: the output, or the end of it.
    """
    lines = [line.rstrip() for line in text.splitlines() if line.strip()]
    frames = [number for number, line in enumerate(lines) if line.startswith('  File "')]
    if not frames:
        return lines[-1].strip()[:LONGEST] if lines else ""
    said = " ".join(line for line in lines[frames[-1] :] if not line.startswith(" "))
    return f"{said[:LONGEST]} ({lines[frames[-1]].strip()})"
