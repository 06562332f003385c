"""`harness plugins`: see plugins, write one, hold one to its contract."""

from __future__ import annotations

import click

from harness.cli.groups import LazyCommand, LazyGroup

__all__ = ["COMMANDS", "plugins"]

COMMANDS = {
    "list": LazyCommand(
        "harness.cli.plugins_list:list_plugins",
        "List every plugin that was found, with what it registers or why it is not used.",
    ),
    "new": LazyCommand(
        "harness.cli.plugins_new:new_plugin",
        "Write a small package that can be installed, with something that already works.",
    ),
    "check": LazyCommand(
        "harness.cli.plugins_check:check_plugin",
        "Hold a method, data set or device to the rules that the harness relies on.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def plugins() -> None:
    """See which plugins are in use, write one, and check it."""
