"""Resources that a machine may lack: sentences for errors, and the checks of `harness doctor`."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Literal, TextIO

from harness.errors import UsageError
from harness.system.files import can_flush, take_lock
from harness.system.folders import can_make, has_home, is_short
from harness.system.plotting import BACKEND, own_settings
from harness.system.streams import SafeStream

__all__ = [
    "Check",
    "advice_on",
    "check_folder",
    "check_surroundings",
    "in_a_sentence",
    "open_files",
    "want_files",
]

ADVICE = {
    errno.EMFILE: "raise the number of files that a process may have open: ulimit -n 1024",
    errno.ENFILE: "all processes of this machine together have too many files open; end some",
    errno.ENOMEM: "allow more memory (ulimit -v), or run fewer trials side by side",
    errno.EAGAIN: "allow more processes (ulimit -u), or run fewer trials side by side",
    errno.ENOSPC: "make room, or choose other folders with --output, --cache-root and TMPDIR",
    errno.EDQUOT: "make room, or choose other folders with --output, --cache-root and TMPDIR",
    errno.EROFS: "choose other folders with --output, --cache-root and TMPDIR",
}
LEAST_FILES, WANTED_FILES = 32, 1024  # that a process may have open

NO_THREAD = "can't start new thread"  # Python's words
UNLOADABLE = ("allocate memory", "failed to map segment", "too many open files")  # the loader's


def open_files() -> int | None:
    """Return how many files this process may have open; None: there is no limit."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def want_files() -> None:
    """Raise the limit of open files for this process and those that it starts, if need be.

    Raises:
        UsageError: the limit is too low and cannot be raised.
    """
    allowed = open_files()
    if allowed is None or allowed >= WANTED_FILES:
        return
    import resource  # noqa: PLC0415 - see above

    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    more = WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, WANTED_FILES)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(more, allowed), hard))
    allowed = open_files()
    if allowed is not None and allowed < LEAST_FILES:
        raise UsageError(
            f"a process may have {allowed} files open here, and trials need {LEAST_FILES}; "
            f"{ADVICE[errno.EMFILE]}"
        )


def advice_on(error: BaseException) -> str:
    """Say what to do if a machine has run out of something; empty for any other error."""
    if isinstance(error, MemoryError):
        return ADVICE[errno.ENOMEM]
    if isinstance(error, RuntimeError) and NO_THREAD in str(error):
        return ADVICE[errno.EAGAIN]
    if isinstance(error, ImportError) and any(each in str(error).lower() for each in UNLOADABLE):
        return ADVICE[errno.ENOMEM]
    return ADVICE.get(error.errno or 0, "") if isinstance(error, OSError) else ""


def in_a_sentence(error: BaseException) -> str | None:
    """Say what is missing and what to do; None for an error that is not about the machine."""
    if isinstance(error, ImportError) and _is_of_others(error):
        return f"a library that this needs cannot be loaded ({error}); `harness doctor` says more"
    advice = advice_on(error)
    if not advice and not isinstance(error, OSError):
        return None
    reason = (isinstance(error, OSError) and error.strerror) or str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        reason = "this process may not have more memory"
    elif isinstance(error, ImportError):
        reason = f"a library cannot be loaded ({error})"
    return f"{reason}; {advice}" if advice else reason


def _is_of_others(error: ImportError) -> bool:
    """Tell whether a library of others is missing or cannot be loaded, not a part of ours."""
    name = error.name or ""
    return bool(name) and not name.startswith("harness") and not advice_on(error)


# What `harness doctor` says of streams, locale, home, folders, limits and plotting

ENOUGH_BYTES = 2**30  # the decoded images of a data set take hundreds of megabytes
ENOUGH_FILES = 256  # a trial has some dozens open, and others run beside it
ENOUGH_ADDRESSES = 8 * 2**30  # torch alone maps several GiB


@dataclass(frozen=True)
class Check:
    """The result of one check: a row of `harness doctor`."""

    subject: str
    status: Literal["ok", "warning", "problem"]
    finding: str
    advice: str = ""  # what to do, or what could be done; empty where there is nothing


def check_surroundings() -> Iterator[Check]:
    """Check what every command depends on."""
    yield _check_locale()
    yield _check_stream("standard output", sys.stdout)
    yield _check_stream("standard error", sys.stderr)
    yield _check_home()
    yield _check_temporary()
    yield from _check_limits()
    yield _check_plotting()


def _check_locale() -> Check:
    encoding = sys.getfilesystemencoding()
    if encoding == "utf-8":
        return Check("locale", "ok", "file names are decoded as utf-8")
    advice = "set LC_ALL=C.UTF-8, or PYTHONUTF8=1"
    return Check("locale", "warning", f"file names are decoded as {encoding}", advice)


def _check_stream(subject: str, stream: TextIO | None) -> Check:
    if stream is None or (isinstance(stream, SafeStream) and stream.is_missing):
        return Check(subject, "warning", "closed; output there is lost")
    encoding = (getattr(stream, "encoding", None) or "utf-8").lower()
    if encoding.startswith("utf"):
        return Check(subject, "ok", encoding)
    advice = "set LC_ALL=C.UTF-8, or PYTHONIOENCODING=utf-8 if the terminal knows it"
    finding = f"{encoding}; characters that it lacks are replaced"
    return Check(subject, "warning", finding, advice)


def _check_home() -> Check:
    if not has_home():
        advice = "set HOME, or HARNESS_CACHE to a folder that stays"
        return Check("home", "warning", "this user has none; caches are temporary", advice)
    home = Path(os.path.expanduser("~"))  # noqa: PTH111 - Path.home raises where there is none
    if not can_make(home / ".cache"):
        advice = "set HARNESS_CACHE and MPLCONFIGDIR to folders that stay"
        return Check("home", "warning", f"{home} cannot be written to", advice)
    return Check("home", "ok", str(home))


def _check_temporary() -> Check:
    try:
        folder = tempfile.gettempdir()
    except OSError as error:
        finding = f"there is none: {error.strerror or error}"
        return Check("temporary folder", "problem", finding, "set TMPDIR to one that can be used")
    if not is_short(folder):
        finding = f"{folder} is too long for sockets, so they are made elsewhere"
        return Check("temporary folder", "warning", finding, "set TMPDIR to a shorter one")
    return Check("temporary folder", "ok", folder)


def _check_limits() -> Iterator[Check]:
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return
    files, (addresses, _) = open_files(), resource.getrlimit(resource.RLIMIT_AS)
    if files is not None and files < ENOUGH_FILES:
        advice = f"allow more: ulimit -n {ENOUGH_FILES * 4}"
        yield Check("open files", "warning", f"{files:,} a process", advice)
    else:
        yield Check("open files", "ok", "no limit" if files is None else f"{files:,} a process")
    if addresses != resource.RLIM_INFINITY and addresses < ENOUGH_ADDRESSES:
        finding = f"{addresses / 2**20:,.0f} MiB a process, which torch may not start with"
        yield Check("address space", "warning", finding, "allow more: ulimit -v unlimited")


def _check_plotting() -> Check:
    try:
        with own_settings():
            version = import_module("matplotlib").__version__
    except Exception as error:
        finding = f"matplotlib cannot be imported: {type(error).__name__}: {error}"
        advice = "reinstall it: pip install --force-reinstall matplotlib"
        return Check("plotting", "problem", finding, advice)
    backend = os.environ.get(BACKEND)
    passed_over = f"; {BACKEND}={backend} is ignored here" if backend else ""
    return Check("plotting", "ok", f"matplotlib {version}, its defaults, to files{passed_over}")


def check_folder(subject: str, folder: Path, option: str) -> Iterator[Check]:
    """Check by a trial file that a folder, or its nearest existing parent, can be written to.

    Args:
        subject: what the folder is for.
        folder: need not exist, and is not made.
        option: the option that chooses another folder.
    """
    absolute = folder.absolute()
    there = next(each for each in (absolute, *absolute.parents) if each.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as file:
            has_locks = take_lock(file.fileno()) is not None
    except OSError as error:
        finding = f"{folder} cannot be written to: {error.strerror or error}"
        yield Check(subject, "problem", finding, f"choose another with {option}")
        return
    free = shutil.disk_usage(there).free
    if free < ENOUGH_BYTES:
        finding = f"{folder} is on a disk with {free / 2**20:,.0f} MiB left"
        yield Check(subject, "warning", finding, f"make room or choose another with {option}")
    else:
        yield Check(subject, "ok", str(folder))
    yield _check_file_system(f"{subject}'s file system", there, option, has_locks=has_locks)


def _check_file_system(subject: str, folder: Path, option: str, *, has_locks: bool) -> Check:
    missing = [] if has_locks else ["has no locks, so two runs are not kept apart"]
    if not can_flush(folder):
        missing.append("does not flush folders, so a power cut may lose the last records")
    if not missing:
        return Check(subject, "ok", "locks files and flushes folders")
    advice = f"choose a folder on a local disk with {option}"
    return Check(subject, "warning", f"{' and '.join(missing)}", advice)
