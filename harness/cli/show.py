"""`harness show`: one name in full."""

from __future__ import annotations

from typing import Any

import click

from harness.cli.options import json_option
from harness.cli.output import loaded_plugins, print_json, print_table
from harness.cli.profile_text import print_profile
from harness.fields import spelled
from harness.plugins.description import describe

__all__ = ["show"]


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
        click.echo(f"  {_origin(description)}")
    if description.get("parameters"):
        _print_fields("parameters", "default", description["parameters"])
    if "keys" in description:
        _print_fields("keys", "value", description["keys"])
    if "profile" in description:
        print_profile(description)
    if "text" in description:
        click.echo("\n" + description["text"].rstrip())


def _origin(description: dict[str, Any]) -> str:
    """Say where a name comes from; only the file of a profile has no version."""
    if not description["version"]:
        return f"profile {description['distribution']}"
    plugin, distribution = description["plugin"], description["distribution"]
    return f"plugin {plugin}, of {distribution} {description['version']}"


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
