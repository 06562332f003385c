"""The command `harness`: the tables of its subcommands, and nothing slow.

Groups suggest the nearest command, import it when it is called, and say errors in a sentence.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click

from harness import __version__
from harness.errors import HarnessError, UnknownNameError
from harness.system.folders import check_working_folder, name_user
from harness.system.limits import in_a_sentence
from harness.system.streams import guard_streams, tell, unwritten
from harness.system.text import written

__all__ = [
    "COMMANDS",
    "DEVICES_COMMANDS",
    "INTERRUPTED",
    "PLUGINS_COMMANDS",
    "cli",
    "devices",
    "main",
    "plugins",
]

INTERRUPTED = 130  # 128 + SIGINT, as shells have it
AGAIN_S = 0.02  # until a Ctrl-C that went astray comes again
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
        """Store the commands of `lazy`, in that order."""
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
        """Run the command; report errors that a person can fix in a sentence, without traceback."""
        try:
            return super().invoke(ctx)
        except HarnessError as error:
            tell(f"Error: {error}")
            ctx.exit(error.exit_code)
        except KeyboardInterrupt:
            tell("Interrupted.")
            ctx.exit(INTERRUPTED)
        except ValueError as error:
            from pydantic_core import PydanticSerializationError  # noqa: PLC0415 - see the module

            # What pydantic makes of a Ctrl-C that reaches it while it writes a model.
            wrapped = isinstance(error, PydanticSerializationError)
            if not (wrapped and "KeyboardInterrupt" in str(error)):
                raise
            tell("Interrupted.")
            ctx.exit(INTERRUPTED)
        except (OSError, MemoryError, RuntimeError, ImportError) as error:
            reason = in_a_sentence(error)
            if reason is None or isinstance(error, BrokenPipeError):
                raise
            tell(f"Error: {_place(error)}{reason}")
            ctx.exit(HarnessError.exit_code)


def _place(error: BaseException) -> str:
    """Name the file of an error, if it is about one."""
    if not isinstance(error, OSError) or error.filename is None:
        return ""
    path = written(os.fsdecode(error.filename))
    return f"{path[:MOST_OF_PATH]}: "


COMMANDS = {
    "run": LazyCommand(
        "harness.cli.run:run", "Run trials and compare their memory, accuracy and time."
    ),
    "estimate": LazyCommand(
        "harness.cli.costs:estimate", "Predict memory and time from shapes alone."
    ),
    "bench": LazyCommand(
        "harness.cli.costs:bench", "Measure seconds and memory of a search step on this machine."
    ),
    "correlate": LazyCommand(
        "harness.cli.correlate:correlate_command",
        "Say how well scores rank architectures by what a table has measured.",
    ),
    "report": LazyCommand(
        "harness.cli.report:report",
        "Show the results of runs and estimates beside published numbers.",
    ),
    "view": LazyCommand(
        "harness.cli.report:view",
        "Serve the page of a run to this machine, and refresh it while the run goes on.",
    ),
    "compare": LazyCommand(
        "harness.cli.compare:compare", "Compare two runs or estimates, or one with the paper."
    ),
    "claim": LazyCommand(
        "harness.cli.claim:claim",
        "List published claims about methods, and check whether they hold.",
    ),
    "pretrain": LazyCommand(
        "harness.cli.pretrain:pretrain",
        "Pretrain methods and keep their checkpoints, without searching.",
    ),
    "recommend": LazyCommand(
        "harness.cli.adapt:recommend_command",
        "Say which method to take for your photos on a device.",
    ),
    "adapt": LazyCommand(
        "harness.cli.adapt:adapt_command",
        "Adapt a network to your photos, and leave it as a folder.",
    ),
    "predict": LazyCommand(
        "harness.cli.models:predict_command", "Label images with the model in a folder."
    ),
    "export": LazyCommand(
        "harness.cli.models:export_command",
        "Write the model in a folder in a format that other programs can run.",
    ),
    "list": LazyCommand(
        "harness.cli.inspection:list_command",
        "List methods, datasets, devices, suites, spaces, searches, scores, budgets and the like.",
    ),
    "show": LazyCommand(
        "harness.cli.inspection:show", "Show what a name is and what parameters it takes."
    ),
    "plugins": LazyCommand(
        "harness.cli.main:plugins", "See which plugins are in use, write one, and check it."
    ),
    "devices": LazyCommand(
        "harness.cli.main:devices", "See what this machine is and what can be read from it."
    ),
    "doctor": LazyCommand(
        "harness.cli.inspection:doctor", "Check that everything a run needs is there."
    ),
}

DEVICES_COMMANDS = {
    "probe": LazyCommand(
        "harness.cli.devices:probe_machine", "Read everything that this machine says about itself."
    ),
    "calibrate": LazyCommand(
        "harness.cli.devices:calibrate_processor",
        "Measure this machine's processor and write a device profile that predicts its times.",
    ),
    "fit": LazyCommand(
        "harness.cli.devices:fit_published",
        "Fit a device's cost model to the published times of suites.",
    ),
    "serve": LazyCommand(
        "harness.cli.devices:serve_board",
        "Do what another machine asks for by --on, on standard input and output.",
    ),
}

PLUGINS_COMMANDS = {
    "list": LazyCommand(
        "harness.cli.plugins:list_plugins",
        "List every plugin that was found, with what it registers or why it is not used.",
    ),
    "new": LazyCommand(
        "harness.cli.plugins:new_plugin",
        "Write a small installable package with something that already works.",
    ),
    "check": LazyCommand(
        "harness.cli.plugins:check_plugin",
        "Hold a method, data set, device or space to the rules that the harness relies on.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Re-run the claim that a neural-architecture-search method fits on a small device.

    Every method meets the same tasks with the same budget on the same device; the harness writes
    down memory, accuracy and time.
    """
    check_working_folder()


@click.group(cls=LazyGroup, lazy=DEVICES_COMMANDS)
def devices() -> None:
    """See what this machine is and what can be read from it."""


@click.group(cls=LazyGroup, lazy=PLUGINS_COMMANDS)
def plugins() -> None:
    """See which plugins are in use, write one, and check it."""


def _interrupt_again(ignored: sys.UnraisableHookArgs) -> None:
    """Repeat a Ctrl-C that arrived within a destructor or a callback of a weak reference.

    Python cannot raise there: it would print a traceback and lose the interruption.
    """
    if not issubclass(ignored.exc_type, KeyboardInterrupt):
        sys.__unraisablehook__(ignored)
        return
    again = threading.Timer(AGAIN_S, _interrupt_main_thread)
    again.daemon = True
    again.start()


def _interrupt_main_thread() -> None:
    """Send Ctrl-C to the main thread, which wakes it, unless it is done with all it has to say."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
        return
    if sys.platform == "win32":
        signal.raise_signal(signal.SIGINT)
    else:
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)


def main() -> None:
    """Run the command line and exit with its status, or with 1 if its results went nowhere."""
    sys.unraisablehook = _interrupt_again
    guard_streams()
    name_user()
    try:
        cli(prog_name="harness")
    except SystemExit as ending:
        failure = unwritten()
        if failure is not None:
            tell(f"Error: not all results could be printed: {failure.strerror or failure}")
            raise SystemExit(ending.code or HarnessError.exit_code) from None
        raise
    finally:  # output is complete: a Ctrl-C from now on ends the process without a traceback
        signal.signal(signal.SIGINT, signal.SIG_DFL)
