"""`harness plugins list`: where names come from."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import json_option
from harness.cli.output import print_json, print_table
from harness.plugins.description import plugin_rows
from harness.plugins.loading import load_plugins
from harness.plugins.registry import KINDS

__all__ = ["list_plugins"]


@click.command("list")
@json_option
def list_plugins(as_json: bool) -> None:
    """List every plugin that was found, with what it registers or why it is not used."""
    found = load_plugins()
    rows, conflicts = plugin_rows(found), [str(each) for each in found.registry.conflicts()]
    if as_json:
        print_json({"plugins": rows, "conflicts": conflicts})
        return
    columns = ("plugin", "distribution", "version")
    print_table(
        [*columns, "registers"],
        [[*(row[column] for column in columns), _registers(row)] for row in rows],
    )
    for conflict in conflicts:
        click.echo(f"\nconflict: {conflict}")


def _registers(row: dict[str, Any]) -> str:
    if row["problem"]:
        return f"not used: {row['problem']}"
    parts = []
    for kind in KINDS:
        names = row[f"{kind}s"]
        if names:
            parts.append(f"{kind if len(names) == 1 else kind + 's'} {', '.join(names)}")
    return "; ".join(parts) or "nothing"
