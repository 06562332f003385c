"""`harness doctor`: whether a run would work here."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from harness.cli.options import cache_root_option, data_root_option, json_option
from harness.cli.output import print_json, print_table
from harness.doctor import Folders, examine
from harness.plugins.loading import load_plugins

__all__ = ["doctor"]


@click.command()
@data_root_option
@cache_root_option
@click.option(
    "-o",
    "--output",
    "run_root",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="HARNESS_OUTPUT",
    show_envvar=True,
    default=Path("results"),
    show_default=True,
    help="Folder that runs are to be written to.",
)
@json_option
@click.pass_context
def doctor(
    ctx: click.Context, data_root: Path | None, cache_root: Path, run_root: Path, as_json: bool
) -> None:
    """Check that everything a run needs is there.

    Exits with 1 if something is not.
    """
    checks = examine(load_plugins(), Folders(data_root, cache_root, run_root))
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        rows = [(check.status, check.subject, check.finding) for check in checks]
        print_table(("status", "subject", "finding"), rows)
        for check in checks:
            if check.advice:
                click.echo(f"\n{check.subject}: {check.advice}.")
    ctx.exit(1 if any(check.status == "problem" for check in checks) else 0)
