"""Command groups that suggest, that import late, and that say errors in a sentence."""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from harness.errors import HarnessError, UnknownNameError

__all__ = ["LazyCommand", "LazyGroup", "SuggestingGroup"]

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
MOST_OF_PATH = 200  # characters; one that is too long for the system is too long to read


class SuggestingGroup(click.Group):
    """Names the nearest command when there is none of the name that was given."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was asked for."""
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-"):
            ctx.fail(str(UnknownNameError("command", args[0], known)))
        return super().resolve_command(ctx, args)


class LazyCommand(NamedTuple):
    """Where a command is, and what the list of commands says of it."""

    target: str  # "module:attribute"
    help: str


class LazyGroup(SuggestingGroup):
    """Imports a command when it is called, and reports how it failed."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, LazyCommand], **options: Any) -> None:
        """Have the commands in `lazy`, in that order."""
        super().__init__(*arguments, **options)
        self.lazy = dict(lazy)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name the commands."""
        return [*self.lazy, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in self.lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.lazy[cmd_name].target.partition(":")
        command: click.Command = getattr(import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands from the table alone."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self.lazy[name].help) for name in self.list_commands(ctx)])

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what a person can put right is said in a sentence, without traceback."""
        try:
            return super().invoke(ctx)
        except HarnessError as error:
            click.echo(f"Error: {error}", err=True)
            ctx.exit(error.exit_code)
        except OSError as error:
            if error.filename is None:  # no matter of a path, such as a reader that went away
                raise
            path = click.format_filename(os.fsencode(str(error.filename)))
            click.echo(f"Error: {path[:MOST_OF_PATH]}: {error.strerror}", err=True)
            ctx.exit(HarnessError.exit_code)
        except KeyboardInterrupt:
            click.echo("Interrupted.", err=True)
            ctx.exit(INTERRUPTED)
