"""Finds the user's home and cache, if there are any, and a temporary folder with a short path."""

from __future__ import annotations

import os
import stat
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from harness.errors import UsageError
from harness.system.files import warn_once
from harness.system.text import is_unicode, written

__all__ = [
    "can_make",
    "check_working_folder",
    "expanded",
    "has_home",
    "is_short",
    "keep_sockets_short",
    "name_user",
    "user_cache",
]

NAME = "onnas-harness"

# A socket's path may have 103 bytes on macOS, 107 on Linux; 32 are what multiprocessing appends.
MOST_BYTES = 103 - len("/pymp-12345678/listener-12345678")
SHORT_FOLDERS = ("/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - multiprocessing makes its own within


def expanded(path: Path) -> Path:
    """Return a path that a person has given, with `~` expanded, mostly as shells do.

    A name that begins with `~` and is nobody's home stays as it is.

    Raises:
        UsageError: the home is not known; or the path is not in UTF-8, so no record can name it.
    """
    if not is_unicode(str(path)):
        raise UsageError(f"the path '{written(str(path))}' {_why_not_unicode(path)}")
    found = Path(os.path.expanduser(path))  # noqa: PTH111 - the other raises for nobody's home
    if found == path and path.parts[:1] == ("~",):
        raise UsageError(
            f"'{path}' cannot be found, since this user has no home; set HOME, or write the whole "
            "path"
        )
    return found


def _why_not_unicode(path: Path) -> str:
    """Say whether the path is not in UTF-8, or the locale is not."""
    encoding = sys.getfilesystemencoding()
    try:
        os.fsencode(path).decode("utf-8")
    except UnicodeDecodeError:
        return (
            "is not in UTF-8 and cannot be written down; rename it, or reach it through a link "
            "with another name"
        )
    return (
        f"cannot be written down, since the locale takes names for {encoding}; set LC_ALL=C.UTF-8, "
        "or PYTHONUTF8=1"
    )


def check_working_folder() -> None:
    """Refuse to work in a folder that has been removed: no process starts in it.

    Raises:
        UsageError: it has been.
    """
    try:
        Path.cwd()
    except OSError:
        raise UsageError(
            "the working folder has been removed; change to another one (cd) and try again"
        ) from None


def has_home() -> bool:
    """Tell whether the user has a home; in a container a user may have neither home nor name."""
    return os.path.expanduser("~") != "~"  # noqa: PTH111 - see above


def name_user() -> None:
    """Name a user without a name after their number, since libraries ask for a name.

    Torch names its caches after the user, and fails if there is no name.
    """
    if hasattr(os, "getuid") and not any(map(os.environ.get, ("LOGNAME", "USER", "LNAME"))):
        import pwd  # noqa: PLC0415 - not on Windows

        try:
            pwd.getpwuid(os.getuid())
        except KeyError:
            os.environ["LOGNAME"] = f"user{os.getuid()}"


def can_make(folder: Path) -> bool:
    """Tell whether a folder exists and can be written to, or can be made."""
    absolute = folder.absolute()
    there = next((each for each in (absolute, *absolute.parents) if os.path.lexists(each)), None)
    return there is not None and there.is_dir() and os.access(there, os.W_OK | os.X_OK)


def user_cache() -> Path:
    """Return the harness's folder in the user's cache; it need not exist.

    Without a writable home, it is a folder of the user's own among the temporary folders; that one
    is made, and a warning says so.

    Raises:
        UsageError: the temporary folder belongs to somebody else.
    """
    from platformdirs import user_cache_path  # noqa: PLC0415 - only what uses it waits for it

    why = "this user has no home"
    with suppress(RuntimeError):  # some releases say so when there is no home
        found = user_cache_path(NAME, appauthor=False)
        if not str(found).startswith("~"):
            if can_make(found):
                return found
            why = f"{found} cannot be written to"
    aside = Path(tempfile.gettempdir()) / f"{NAME}-{os.getuid() if hasattr(os, 'getuid') else 0}"
    _make_own(aside, why)
    warn_once(f"{why}: the cache is {aside}; choose another with --cache-root or HARNESS_CACHE")
    return aside


def _make_own(folder: Path, why: str) -> None:
    """Make a folder that only the user can write to, within one that everybody can write to."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        status = folder.lstat()
        is_own = stat.S_ISDIR(status.st_mode) and (
            not hasattr(os, "getuid") or status.st_uid == os.getuid()
        )
    except OSError:
        is_own = False
    if not is_own:
        raise UsageError(
            f"{why}, and {folder} is not this user's; choose a cache with --cache-root or "
            "HARNESS_CACHE"
        )


def is_short(folder: str) -> bool:
    """Tell whether sockets within a temporary folder have paths that the system takes."""
    return len(os.fsencode(folder)) <= MOST_BYTES


def keep_sockets_short() -> None:
    """Have multiprocessing make its sockets in a folder with a short path, whatever TMPDIR is.

    Raises:
        UsageError: there is no such folder.
    """
    if is_short(tempfile.gettempdir()):
        return
    from multiprocessing import util  # noqa: PLC0415 - only for those who need it

    for place in (*SHORT_FOLDERS, os.environ.get("XDG_RUNTIME_DIR", "")):
        if (
            place
            and is_short(place)
            and Path(place).is_dir()
            and os.access(place, os.W_OK | os.X_OK)
        ):
            before, tempfile.tempdir = tempfile.tempdir, place
            try:
                util.get_temp_dir()  # asked for once in a process, and removed at its end
            finally:
                tempfile.tempdir = before
            return
    raise UsageError(
        f"the path of the temporary folder has more than {MOST_BYTES} bytes, too long for "
        "sockets; set TMPDIR to a shorter one"
    )
