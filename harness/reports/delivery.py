"""Makes reports of results, and delivers them: to files, or as a page to this machine's browser.

The server has one address, `/`, so no path from the network is ever used as a path of files. It
refuses requests that name another host, so that no web site can reach it by a name of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock

from harness.comparison.published import PublishedSuite, find_published, load_published
from harness.errors import HarnessError, UsageError
from harness.plugins.loading import Plugins
from harness.reports.claim_tables import ledgers_of
from harness.reports.formats import to_csv, to_latex, to_markdown
from harness.reports.table import Table
from harness.reports.tables import tables_of
from harness.results.load import load_results
from harness.results.results import Results
from harness.results.summary import Missing
from harness.system.files import made_folder, write_whole
from harness.system.text import written

__all__ = [
    "LOCALHOST",
    "SUFFIXES",
    "PageServer",
    "Report",
    "choose_destinations",
    "newest_run",
    "page_of",
    "page_server",
    "report_of",
    "write_page_of",
    "write_report",
]

PAGE_FILE = "report.html"
SUFFIXES = {"md": ".md", "csv": ".csv", "latex": ".tex", "html": ".html"}
_FORMATS = {suffix: name for name, suffix in SUFFIXES.items()}
_TEXTS: dict[str, Callable[[Sequence[Table]], str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
}


@dataclass(frozen=True)
class Report:
    """The content of a report: results, published numbers, and tables."""

    results: Results
    published: Sequence[PublishedSuite]
    tables: Sequence[Table]


def report_of(  # noqa: PLR0913 - what to show, and how
    plugins: Plugins,
    results: Results,
    folders: Sequence[Path],
    *,
    suites: Sequence[str] = (),
    missing: Missing = "omit",
    complain: Callable[[str], None] = lambda _: None,
) -> Report:
    """Return the report of results: the claims that they bear on, then tables.

    Args:
        plugins: where suites, claims and methods are registered.
        results: what was found in `folders`.
        folders: where the results were loaded from.
        suites: whose published numbers to show; none: of the suites that the runs came from.
        missing: what the accuracy of a failed trial counts as.
        complain: is told of published numbers and claims that cannot be used and are left out.

    Raises:
        UsageError: one of `suites` does not exist, cannot be read, or has no published numbers.
    """
    if suites:
        published = [load_published(name, plugins) for name in dict.fromkeys(suites)]
    else:
        published = find_published(results.suites, plugins, complain)
    ledgers = ledgers_of(plugins, results, folders, complain)
    tables = tables_of(results, published, missing, plugins.controls)
    return Report(results, published, [*ledgers, *tables])


def write_report(
    report: Report, destinations: Mapping[str, Path | None], say: Callable[[str], None]
) -> list[Path]:
    """Write each format to its path, or pass its text to `say` if it has none.

    Returns:
        The paths that were written.

    Raises:
        RunFolderError: something cannot be written.
    """
    written = []
    for name, path in destinations.items():
        if path is None:
            say(_TEXTS[name](report.tables).rstrip("\n"))
            continue
        made_folder(path.parent)
        if name == "html":
            from harness.reports.page import write_page  # noqa: PLC0415 - slow, for pages alone

            write_page(report.results, report.tables, path, report.published)
        else:
            write_whole(path, _TEXTS[name](report.tables).rstrip("\n") + "\n")
        written.append(path)
    return written


def page_of(folder: Path, plugins: Plugins) -> tuple[str, bool]:
    """Return the page of a folder as HTML, and whether planned trials have no record yet.

    Raises:
        UsageError: nothing that a run or an estimate leaves is in the folder.
    """
    from harness.reports.page import page_text  # noqa: PLC0415 - slow, for pages alone

    results = load_results([folder], plugins.metrics)
    report = report_of(plugins, results, [folder])
    return page_text(results, report.tables, report.published), results.pending > 0


def write_page_of(folder: Path, plugins: Plugins) -> Path:
    """Write the page of a run folder into that folder, and return its path.

    Raises:
        UsageError: nothing that a run or an estimate leaves is in the folder.
        RunFolderError: the page cannot be written.
    """
    path = folder / PAGE_FILE
    write_whole(path, page_of(folder, plugins)[0])
    return path


def choose_destinations(
    formats: Sequence[str], output: Path | None, folders: Sequence[Path]
) -> Mapping[str, Path | None]:
    """Return a path for each format; None: standard output.

    Args:
        formats: those that were asked for; none: by the suffix of the output, else Markdown.
        output: a file, or for several formats a folder.
        folders: what is reported on; without an output, a page goes into the first.

    Raises:
        UsageError: the output's suffix is of no format, or of another than was asked for; or
            several formats have no folder to go to.
    """
    wanted = list(dict.fromkeys(formats)) or [_format_of(output)]
    if len(wanted) > 1 and (output is None or output.suffix in _FORMATS or output.is_file()):
        raise UsageError(f"{len(wanted)} formats need a folder to go to; name one with --output")
    if output is not None and (len(wanted) > 1 or output.is_dir()):
        return {name: output / f"report{SUFFIXES[name]}" for name in wanted}
    if wanted == ["html"] and output is None:
        return {"html": folders[0] / PAGE_FILE}  # a page is to be opened, not read as text
    if output is not None and _FORMATS.get(output.suffix, wanted[0]) != wanted[0]:
        raise UsageError(
            f"{output} is called {_FORMATS[output.suffix]}, and would be {wanted[0]}; give it a "
            f"name that ends in {SUFFIXES[wanted[0]]}"
        )
    return {wanted[0]: output}


def _format_of(output: Path | None) -> str:
    if output is None or output.is_dir():
        return "md"
    if output.suffix not in _FORMATS:
        raise UsageError(
            f"{output} does not end in {', '.join(_FORMATS)}; say its format with --format"
        )
    return _FORMATS[output.suffix]


LOCALHOST = "127.0.0.1"
REFRESH_S = 10

# Returns the page, and whether trials are still to come.
MakePage = Callable[[], tuple[str, bool]]


class PageServer(ThreadingHTTPServer):
    """Serves one page, and makes it anew only if something in the folder has changed."""

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
        """Ignore a browser that closed the connection before it had its answer."""
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
        """Log no requests."""


@contextmanager
def page_server(folder: Path, port: int, make_page: MakePage) -> Iterator[PageServer]:
    """Open a server of a folder's page, and close it at the end.

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
    """Return a value that changes when a trial or an estimate is written."""
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
