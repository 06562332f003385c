"""`harness report` and `harness view`: tables, pictures and a page, also while a run goes on."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import get_args

import click

from harness.cli.options import UserPath, output_option
from harness.cli.output import examples, loaded_plugins, result_console, say
from harness.errors import UsageError
from harness.reports.delivery import (
    SUFFIXES,
    Report,
    choose_destinations,
    newest_run,
    page_of,
    page_server,
    report_of,
    write_report,
)
from harness.reports.terminal import print_tables
from harness.results.load import load_results
from harness.results.reading import without_garbage_collection
from harness.results.results import Results
from harness.results.summary import Missing

__all__ = [
    "report",
    "view",
]

EXIT_PROBLEMS = 1


@click.command(epilog=examples("harness report results/ -o report.html"))
@click.argument("folders", metavar="[DIR...]", nargs=-1, type=UserPath())
@click.option(
    "--format",
    "formats",
    multiple=True,
    type=click.Choice(list(SUFFIXES)),
    help="What to write; can be repeated.  [default: what --output ends in, else tables as this "
    "terminal has room for, and md in a pipe]",
)
@output_option(
    "A file, or for several formats a folder.  [default: standard output; for html, "
    "DIR/report.html]",
    UserPath(),
)
@click.option(
    "--missing",
    type=click.Choice(get_args(Missing)),
    default="omit",
    show_default=True,
    envvar="HARNESS_MISSING",
    help="What the accuracy of a failed trial counts as: nothing, guessing among classes, or 0 %.",
)
@click.option(
    "--suite",
    "suites",
    multiple=True,
    help="A suite whose published numbers to show; can be repeated.  [default: those that the runs "
    "came from]",
)
@click.option(
    "--pictures",
    type=UserPath(file_okay=False),
    help="A folder to draw pictures into, as SVG and PNG.",
)
@click.option("--open", "opens", is_flag=True, help="Write the page, and open it in the browser.")
def report(  # noqa: PLR0913 - one parameter an option
    *,
    folders: tuple[Path, ...],
    formats: tuple[str, ...],
    output: Path | None,
    missing: Missing,
    suites: tuple[str, ...],
    pictures: Path | None,
    opens: bool,
) -> None:
    """Show the results of runs and estimates beside published numbers.

    It begins with the claims that its results bear on, each with a verdict.

    DIR is a run folder, a folder with an estimate, or one that holds such folders; without it, the
    newest run under results/. What cannot be read there is named on standard error, and the exit
    status is then 1.
    """
    folders = folders or (newest_run([Path("results")]),)
    formats = (*formats, "html") if opens else formats
    destinations = choose_destinations(formats, output, folders)
    plugins = loaded_plugins()
    click.get_current_context().with_resource(without_garbage_collection())
    results = load_results(folders, plugins.metrics)
    if results.benches and not (results.trials or results.estimates):
        raise UsageError("only benchmarks are there; `harness compare` shows two side by side")
    found = report_of(
        plugins,
        results,
        folders,
        suites=suites,
        missing=missing,
        complain=lambda why: say(f"Warning: {why}"),
    )
    console = result_console()
    if console.is_terminal and not formats and output is None:
        print_tables(found.tables, console)
        destinations = {}
    for path in write_report(found, destinations, click.echo):
        say(f"The report is in {path}")
    if pictures is not None:
        _draw(found, pictures)
    page = destinations.get("html")
    if opens and page is not None and not webbrowser.open(page.resolve().as_uri()):
        say(f"No browser could be opened; open {page} in one.")
    _tell(results)


def _draw(found: Report, folder: Path) -> None:
    from harness.reports.pictures import draw_all  # noqa: PLC0415 - slow, for pictures alone

    for path in draw_all(found.results, folder, found.published):
        say(f"A picture is in {path}")


def _tell(results: Results) -> None:
    for problem in results.problems:
        say(f"Warning: {problem}")
    if results.problems:
        raise SystemExit(EXIT_PROBLEMS)


@click.command(epilog=examples("harness view --open"))
@click.argument("folder", metavar="[DIR]", required=False, type=UserPath(file_okay=False))
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8765,
    show_default=True,
    help="The port to listen on; 0 picks a free one.",
)
@click.option("--open", "opens", is_flag=True, help="Open the page in the browser.")
def view(*, folder: Path | None, port: int, opens: bool) -> None:
    """Serve the page of a run to this machine, and refresh it while the run goes on.

    DIR is a run folder, or one that holds some; without it, the newest run under results/. Nothing
    but the page is served, and to nobody but this machine. Ctrl-C ends it.
    """
    shown = folder or newest_run([Path("results")])
    plugins = loaded_plugins()
    page_of(shown, plugins)  # a folder that cannot be read is told before a server waits
    with page_server(shown, port, lambda: page_of(shown, plugins)) as server:
        try:
            say(f"The page of {shown} is at {server.address}; Ctrl-C ends it.")
            if opens and not webbrowser.open(server.address):
                say("No browser could be opened.")
            server.serve_forever()
        except KeyboardInterrupt:
            say("Stopped.")
