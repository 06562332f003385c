"""Says in a sentence what a machine has run out of, and what to do."""

from __future__ import annotations

import errno
from contextlib import suppress

from harness.errors import UsageError

__all__ = ["advice_on", "in_a_sentence", "open_files", "want_files"]

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
    """Return how many files this process may have open; None: as many as it likes."""
    try:
        import resource  # noqa: PLC0415 - not on Windows
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def want_files() -> None:
    """Have this process, and those that it starts, open as many files as they need, if they may.

    Raises:
        UsageError: they may not.
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
    """Return what to do about what a machine has run out of; empty for any other error."""
    if isinstance(error, MemoryError):
        return ADVICE[errno.ENOMEM]
    if isinstance(error, RuntimeError) and NO_THREAD in str(error):
        return ADVICE[errno.EAGAIN]
    if isinstance(error, ImportError) and any(each in str(error).lower() for each in UNLOADABLE):
        return ADVICE[errno.ENOMEM]
    return ADVICE.get(error.errno or 0, "") if isinstance(error, OSError) else ""


def in_a_sentence(error: BaseException) -> str | None:
    """Return what is missing and what to do; None for an error that is no matter of the machine."""
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
    """Tell whether it is a library that is missing or cannot be loaded, and no part of ours."""
    name = error.name or ""
    return bool(name) and not name.startswith("harness") and not advice_on(error)
