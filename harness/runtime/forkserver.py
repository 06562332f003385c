"""The server that processes are forked from: it has imported torch once, and ignores Ctrl-C.

Neither it nor its processes import anything from the working folder, see `interpreters`. Its
standard error goes through this process, which can quote the last lines if it dies.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess

from harness.errors import HarnessError
from harness.runtime.interpreters import (
    away_from_working_folder,
    captured_stderr,
    end_of_stderr,
    last_words,
    pass_on,
    spawn_safely,
    undo_safe_path,
)
from harness.system.folders import check_working_folder, keep_sockets_short
from harness.system.limits import advice_on, want_files

__all__ = [
    "HAS_SERVER",
    "NotStartedError",
    "begin",
    "begin_pooled",
    "processes",
    "start",
    "start_server",
    "uninterrupted",
]

HAS_SERVER = "forkserver" in multiprocessing.get_all_start_methods()  # not on Windows


def processes(preloaded: Sequence[str]) -> BaseContext:
    """Return the multiprocessing context: processes are forked from a server, else spawned.

    Args:
        preloaded: modules that the server imports, so that its processes need not.

    Raises:
        UsageError: there is no folder for the server's socket, the working folder is gone, or too
            few files may be open.
    """
    context: BaseContext = multiprocessing.get_context("forkserver" if HAS_SERVER else "spawn")
    if HAS_SERVER:
        check_working_folder()
        want_files()
        keep_sockets_short()
        context.set_forkserver_preload(list(preloaded))
    return context


def start_server(context: BaseContext) -> None:
    """Start the server, unless it runs, and wait until it has imported its modules.

    That takes seconds, in which Ctrl-C must not interrupt it. Nothing should be requested from it
    earlier either: by the time that it answers, the requester may be gone. Its processes begin with
    both signals blocked, see `begin`.

    Args:
        context: what `processes` returned.

    Raises:
        NotStartedError: the server has ended.
    """
    process = context.Process(target=_nothing)  # type: ignore[attr-defined] # stubs lack it
    start(process)
    process.join()


def start(process: BaseProcess) -> None:
    """Start a process, and the server first if it does not run.

    Raises:
        NotStartedError: the server has ended, or the system has no room for a process.
    """
    try:
        if HAS_SERVER:
            _ensure_running()
        with uninterrupted(), spawn_safely():
            process.start()
    except (EOFError, ConnectionError):  # of the connection to the server
        _SERVED.discard(os.getpid())
        words = last_words(end_of_stderr(wait_s=WAIT_S)) or "it left no word"
        raise NotStartedError(
            f"the process that trials and checks are forked from ended at its start: {words}"
        ) from None
    except OSError as error:
        what = f"no process can be started: {error.strerror or error}"
        raise NotStartedError("; ".join(filter(None, (what, advice_on(error))))) from None
    pass_on()


WAIT_S = 2.0  # for the last words of a server that is dead


class NotStartedError(HarnessError):
    """A process that is needed could not be started."""


_SERVED: set[int] = set()  # processes that have started their server
_STARTING = threading.Lock()


def _ensure_running() -> None:
    """Start the server once, in another folder; doing so again could disturb other threads."""
    # Not on Windows.
    from multiprocessing import forkserver, resource_tracker  # noqa: PLC0415 - see above

    with _STARTING:
        if os.getpid() in _SERVED:
            return
        with away_from_working_folder():
            # First, since a tracker that the server starts itself would unblock the signals.
            resource_tracker.ensure_running()
            with uninterrupted(), captured_stderr():
                forkserver.ensure_running()
        _SERVED.add(os.getpid())


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Block Ctrl-C and SIGTERM during a request, which would break the server if cut short."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where there is no server
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def begin(*signals: signal.Signals) -> None:
    """Begin the work of a process: unblock the signals that were blocked until here."""
    undo_safe_path()
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, set(signals))


def begin_pooled() -> None:
    """Begin the work of a process of a pool: unblock Ctrl-C, and end when the parent ends."""
    begin(signal.SIGINT)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    if (parent := multiprocessing.parent_process()) is not None:
        wait([parent.sentinel])
        os._exit(1)


def _nothing() -> None:
    """Do nothing: once this has run in a process, the server has imported its modules."""
