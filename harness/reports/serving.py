"""Serves the page of a folder to this machine alone, made anew whenever a trial has ended.

The server has one address, `/`: no path from the network is ever a path of the file system.
Requests that name another host are refused, so that no web site reaches it by a name of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from harness.errors import HarnessError, UsageError
from harness.system.text import written

__all__ = ["LOCALHOST", "PageServer", "newest_run", "page_server"]

LOCALHOST = "127.0.0.1"
REFRESH_S = 10

# Returns the page, and whether trials are still to come.
MakePage = Callable[[], tuple[str, bool]]


class PageServer(ThreadingHTTPServer):
    """Serves one page, which is kept until something in the folder has changed."""

    daemon_threads = True

    def __init__(self, port: int, make_page: MakePage, stamp: Callable[[], object]) -> None:
        """Listen on a port of this machine; 0: on any that is free."""
        super().__init__((LOCALHOST, port), _Handler)
        self._make_page, self._stamp, self._lock = make_page, stamp, Lock()
        self._kept: tuple[object, str, bool] | None = None

    @property
    def address(self) -> str:
        """Where a browser finds the page."""
        return f"http://{LOCALHOST}:{self.server_port}/"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a browser that has gone before it had its answer."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)  # type: ignore[arg-type] # as it came

    def page(self) -> tuple[str, bool]:
        """Return the page, and whether trials are still to come."""
        with self._lock:
            stamp = self._stamp()
            if self._kept is None or self._kept[0] != stamp:
                self._kept = (stamp, *self._make_page())
            return self._kept[1:]


class _Handler(BaseHTTPRequestHandler):
    server: PageServer

    def do_GET(self) -> None:
        """Answer with the page, or refuse."""
        port = self.server.server_port
        if self.headers.get("Host") not in (f"{LOCALHOST}:{port}", f"localhost:{port}"):
            self.send_error(403, "this page is for this machine alone")
            return
        if self.path != "/":
            self.send_error(404, "there is one page here, at /")
            return
        try:
            text, goes_on = self.server.page()
        except (HarnessError, OSError) as error:  # such as of a folder that was removed
            self.send_error(500, "the page cannot be made", written(str(error)))
            return
        content = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        if goes_on:
            self.send_header("Refresh", str(REFRESH_S))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing of each request."""


@contextmanager
def page_server(folder: Path, port: int, make_page: MakePage) -> Iterator[PageServer]:
    """Give a server of a folder's page, closed at the end.

    Raises:
        UsageError: the port is taken, or not allowed.
    """
    try:
        server = PageServer(port, make_page, lambda: _stamp(folder))
    except OSError as error:
        raise UsageError(f"port {port} cannot be used: {error.strerror or error}") from None
    with server:
        yield server


def _stamp(folder: Path) -> object:
    """Return what changes when a trial or an estimate is written."""
    names = ("record.json", "estimate.json", "plan.json")
    found = []
    for path in (path for name in names for path in folder.glob(f"**/{name}")):
        with suppress(OSError):  # removed meanwhile
            found.append(path.stat().st_mtime_ns)
    return len(found), max(found, default=0)


def newest_run(folders: Sequence[Path]) -> Path:
    """Return the folder whose plan or estimate was written last.

    Raises:
        UsageError: none of the folders holds a run or an estimate.
    """
    names = ("plan.json", "estimate.json")
    found = [path for each in folders for name in names for path in each.glob(f"*/{name}")]
    if not found:
        where = " or ".join(map(str, folders))
        raise UsageError(f"there is no run in {where}; name a run folder")
    return max(found, key=lambda path: path.stat().st_mtime_ns).parent
