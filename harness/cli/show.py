"""`harness show`: one name in full."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import json_option
from harness.cli.output import loaded_plugins, print_json, print_table
from harness.fields import spelled
from harness.plugins.description import describe

__all__ = ["show"]

MIB = 2**20


@click.command()
@click.argument("name")
@json_option
def show(name: str, as_json: bool) -> None:
    """Show what a name is and what parameters it takes.

    NAME is a method, dataset, device, suite or budget.
    """
    descriptions = describe(loaded_plugins(), name)
    if as_json:
        print_json(descriptions)
        return
    for number, description in enumerate(descriptions):
        if number:
            click.echo()
        _print(description)


def _print(description: dict[str, Any]) -> None:
    click.echo(f"{description['kind']} {description['name']}")
    if description["summary"]:
        click.echo(f"  {description['summary']}")
    if "plugin" in description:
        click.echo(
            f"  plugin {description['plugin']}, "
            f"of {description['distribution']} {description['version']}"
        )
    if description.get("parameters"):
        _print_fields("parameters", "default", description["parameters"])
    if "keys" in description:
        _print_fields("keys", "value", description["keys"])
    if "profile" in description:
        _print_profile(description)
    if "text" in description:
        click.echo("\n" + description["text"].rstrip())


def _print_fields(title: str, column: str, fields: list[dict[str, Any]]) -> None:
    click.echo(f"\n{title}")
    rows = [
        [each["name"], _default(each, column), each["takes"], each["description"]]
        for each in fields
    ]
    print_table(["name", column, "takes", "description"], rows, indent="  ")


def _default(field: dict[str, Any], column: str) -> str:
    if column == "default" and field["required"]:
        return "(required)"
    return spelled(field[column])


def _print_profile(description: dict[str, Any]) -> None:
    profile, limit = description["profile"], description["memory_limit_bytes"]
    click.echo(f"\nprofile ({description['mode']} on this machine)")
    click.echo(f"  model         {profile['model']}")
    click.echo(f"  computes on   {profile['kind']}")
    click.echo(f"  memory limit  {'none is modelled' if limit is None else _mib(limit)}")
    for key, value in (profile["memory"] or {}).items():
        name = f"memory.{key}"
        click.echo(f"\n  {name}  {_mib(value)}")
        click.echo(f"    {profile['sources'][name]}")


def _mib(value: int) -> str:
    return f"{value:,} bytes = {value / MIB:,.0f} MiB"
