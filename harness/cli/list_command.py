"""`harness list`: what there is to choose from."""

from __future__ import annotations

import click

from harness.cli.options import json_option
from harness.cli.output import loaded_plugins, print_json, print_table
from harness.plugins.description import budget_rows, entry_rows
from harness.plugins.registry import KINDS

__all__ = ["list_command"]

KIND_OF = {f"{kind}s": kind for kind in KINDS}


@click.command("list")
@click.argument("what", type=click.Choice([*KIND_OF, "budgets"]))
@json_option
def list_command(what: str, as_json: bool) -> None:
    """List methods, datasets, devices, suites, reporters or budgets."""
    if what == "budgets":
        _list_budgets(as_json)
        return
    rows = entry_rows(loaded_plugins(), KIND_OF[what])
    if as_json:
        print_json(rows)
    elif rows:
        columns = ("name", "summary", "plugin")
        print_table(columns, [[row[column] for column in columns] for row in rows])
    else:
        click.echo(f"No plugin registers {what}.", err=True)


def _list_budgets(as_json: bool) -> None:
    rows = budget_rows()
    if as_json:
        print_json(rows)
    else:
        print_table(list(rows[0]), [list(row.values()) for row in rows])
