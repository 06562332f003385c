"""Where Python processes are started: where nothing that a person keeps can be imported.

`python -c` and `python -m`, and so multiprocessing, put the working folder first on the path of
modules: a file `platform.py` or a folder `harness` of a person's would be run there. `-P` forbids
that from Python 3.11 on. On every version it does to start them in a folder that is on the path
anyway: that of the standard library.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = [
    "away_from_working_folder",
    "forget_working_folder",
    "run_python",
    "spawn_safely",
    "undo_safe_path",
]

MODULE_PATH = "PYTHONPATH"
SAFE_PATH = "PYTHONSAFEPATH"  # with any value, `-P`; what is set here bears a mark
MARK = "for-harness"


def run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a fresh interpreter that finds the modules that this one does, and wait for it.

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
    """Have what is started meanwhile start elsewhere.

    The processes of multiprocessing go to the folder of their parent by themselves, once they run.
    """
    path = os.environ.get(MODULE_PATH)
    before = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))  # one need not be able to list it
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
    """Have a process that multiprocessing spawns meanwhile leave the working folder out.

    It is handed the path of this process, on which an empty entry stands for that folder.
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
    """Let the processes that this one starts find what they would without the harness."""
    if os.environ.get(SAFE_PATH) == MARK:
        del os.environ[SAFE_PATH]


def forget_working_folder(program: str) -> None:
    """Import nothing more from the working folder, which `python -m` has put first on the path.

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
    """Join entries of a path of modules; an empty one stands for the working folder, and goes."""
    return os.pathsep.join(str(Path(entry).absolute()) for entry in path if entry)


def _standard_library() -> str:
    return sysconfig.get_path("stdlib")
