"""The server that processes are forked from, which has imported torch once, and no Ctrl-C."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.context import BaseContext

from harness.system.folders import keep_sockets_short
from harness.system.limits import want_files

__all__ = [
    "HAS_SERVER",
    "interruptible",
    "processes",
    "start_server",
    "uninterrupted",
]

HAS_SERVER = "forkserver" in multiprocessing.get_all_start_methods()  # not on Windows


def processes(preloaded: Sequence[str]) -> BaseContext:
    """Return the way to make processes: forked from a server if there can be one, else spawned.

    Args:
        preloaded: modules that the server imports, so that its processes need not.

    Raises:
        UsageError: there is no folder for the server's socket, or too few files may be open.
    """
    context: BaseContext = multiprocessing.get_context("forkserver" if HAS_SERVER else "spawn")
    if HAS_SERVER:
        want_files()
        keep_sockets_short()
        context.set_forkserver_preload(list(preloaded))
    return context


def start_server(context: BaseContext) -> None:
    """Start the server, unless it runs, and wait until it has imported what it was told to.

    It stays uninterrupted: it imports for seconds. Nor should anything be asked of it before, which
    it would come to when whoever asked may be gone. Its processes begin with both signals held
    back, see `interruptible`.

    Args:
        context: of `processes`.
    """
    if HAS_SERVER:
        _ensure_running()
    process = context.Process(target=_nothing)  # type: ignore[attr-defined] # stubs lack it
    process.start()
    process.join()


def _ensure_running() -> None:
    # Not on Windows.
    from multiprocessing import forkserver, resource_tracker  # noqa: PLC0415 - see above

    # Before: where the server has to start it, that lets the signals through again.
    resource_tracker.ensure_running()
    with uninterrupted():
        forkserver.ensure_running()


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold back Ctrl-C: the server that processes are forked from survives no half request."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows, where there is no server
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def interruptible(*signals: signal.Signals) -> None:
    """Let signals through to this process, which the server was started without."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, set(signals))


def _nothing() -> None:
    """Run in a process and return: by then the server has imported all it has to."""
