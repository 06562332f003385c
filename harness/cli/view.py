"""`harness view`: the page of a run in the browser, while it goes on."""

from __future__ import annotations

import webbrowser
from pathlib import Path

import click

from harness.cli.options import UserPath
from harness.cli.output import loaded_plugins, say
from harness.reports.serving import newest_run, page_server
from harness.reports.writing import page_of

__all__ = ["view"]


@click.command()
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
