"""The reference of commands: what `--help` says of each, on one page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from inspect import cleandoc

import click

from documentation.markdown import fenced, prose, table
from harness.cli.main import cli

__all__ = ["Documented", "commands_page", "every_command"]

Documented = tuple[str, click.Command]  # such as ("harness devices probe", its command)

_INTRODUCTION = """\
# Commands

Results go to standard output, progress and warnings to standard error. A flag comes before an
environment variable, that before the suite, that before the default.

| exit status | means |
| --- | --- |
| 0 | everything ended well; not to fit a device is a result, not a failure |
| 1 | something did not end well, and is named |
| 2 | wrong usage |
| 130 | interrupted; the same command goes on where it stopped |
"""
# What the harness reads besides the variables that stand in for options.
_OTHER_VARIABLES = {
    "HARNESS_DEVICES": "TOML files of devices, or folders of them, between them what separates the "
    "folders of `PATH`",
    "HARNESS_STRICT_PLUGINS": "`1` makes a plugin that cannot be used an error",
}


def every_command() -> Iterator[Documented]:
    """Give each command under its full name, groups before what is in them."""
    yield from _below("harness", cli)


def commands_page() -> str:
    """Return the page, in Markdown."""
    sections = [_section(name, command) for name, command in every_command()]
    return "\n\n".join([_INTRODUCTION, *sections, _variables()]) + "\n"


def _below(name: str, command: click.Command) -> Iterator[Documented]:
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command, info_name=name)
        for each in command.list_commands(context):
            inner = command.get_command(context, each)
            if inner is not None:
                yield from _below(f"{name} {each}", inner)


def _section(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    paragraphs = cleandoc(command.help or "").split("\f")[0].split("\n\n")
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    parts = [f"## {name}", *map(prose, paragraphs), fenced(usage)]
    parts += [_inner(command, context), _options(name, command)]
    return "\n\n".join(part for part in parts if part)


def _inner(command: click.Command, context: click.Context) -> str:
    """List what is in a group."""
    if not isinstance(command, click.Group):
        return ""
    names = command.list_commands(context)
    return "Commands: " + ", ".join(f"`{context.info_name} {name}`" for name in names) + "."


def _options(name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name, help_option_names=["-h", "--help"])
    records = [option.get_help_record(context) for option in _own_options(command)]
    rows = [(f"`{record[0]}`", prose(record[1])) for record in records if record is not None]
    return table(["option", "what it does"], rows) if rows else ""


def _own_options(command: click.Command) -> list[click.Option]:
    """Return the options but for `--help`, which every command has."""
    return [each for each in command.params if isinstance(each, click.Option)]


def _variables() -> str:
    """List the environment variables, with the options that they stand in for."""
    told: dict[str, dict[str, None]] = defaultdict(dict)
    for _, command in every_command():
        for option in _own_options(command):
            if isinstance(option.envvar, str):
                told[option.envvar][option.opts[-1]] = None
    rows = {name: "stands in for " + _listed(options) for name, options in told.items()}
    rows |= _OTHER_VARIABLES
    lines = [(f"`{name}`", meaning) for name, meaning in sorted(rows.items())]
    return "## Environment variables\n\n" + table(["variable", "what it does"], lines)


def _listed(options: dict[str, None]) -> str:
    return ", ".join(f"`{option}`" for option in options)
