"""`harness plugins new`: a package of one's own, to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from harness.cli.output import loaded_plugins
from harness.conformance.subject import CHECKED
from harness.plugins.registry import Kind
from harness.scaffold.naming import choose_names
from harness.scaffold.writing import next_commands, write_plugin

__all__ = ["new_plugin"]

COMPARED = 2  # methods beside the new one


@click.command("new")
@click.argument("name")
@click.option("--kind", type=click.Choice(CHECKED), required=True, help="What it adds.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
    help="The folder to make.  [default: NAME, in the working directory]",
)
def new_plugin(name: str, kind: Kind, output: Path | None) -> None:
    """Write a small package that can be installed, with something that already works.

    NAME is what it will register, in lower-case words joined by hyphens, such as my-idea. Nothing
    that is there is overwritten.
    """
    plugins = loaded_plugins()
    names = choose_names(plugins, kind, name)
    methods = plugins.registry.names("method")[:COMPARED]
    folder = output or Path(name)
    for path in write_plugin(names, folder, methods):
        click.echo(path)
    # A path without a slash would be a name in a package index to pip.
    shown = str(folder) if folder.is_absolute() else f"./{folder.as_posix()}"
    click.echo("\nNext:")
    for command in next_commands(names, shown, methods):
        click.echo(f"  {command}")
