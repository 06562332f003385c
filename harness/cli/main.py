"""The command `harness`: the table of its subcommands, and nothing slow."""

from __future__ import annotations

import signal

import click

from harness import __version__
from harness.cli.groups import LazyCommand, LazyGroup

__all__ = ["cli", "main"]

COMMANDS = {
    "run": LazyCommand(
        "harness.cli.run:run", "Run trials and compare their memory, accuracy and time."
    ),
    "estimate": LazyCommand(
        "harness.cli.estimate:estimate", "Predict memory and time from shapes alone."
    ),
    "bench": LazyCommand(
        "harness.cli.bench:bench", "Measure seconds and memory of a search step on this machine."
    ),
    "report": LazyCommand(
        "harness.cli.report:report",
        "Show what runs and estimates have left, beside published numbers.",
    ),
    "compare": LazyCommand(
        "harness.cli.compare:compare", "Compare two runs or estimates, or one with the paper."
    ),
    "pretrain": LazyCommand(
        "harness.cli.pretrain:pretrain",
        "Pretrain methods and keep their checkpoints, without searching.",
    ),
    "list": LazyCommand(
        "harness.cli.list_command:list_command",
        "List methods, datasets, devices, suites, reporters or budgets.",
    ),
    "show": LazyCommand(
        "harness.cli.show:show", "Show what a name is and what parameters it takes."
    ),
    "plugins": LazyCommand(
        "harness.cli.plugins:plugins", "See which plugins are in use, write one, and check it."
    ),
    "devices": LazyCommand(
        "harness.cli.devices:devices", "See what this machine is and what can be read of it."
    ),
    "doctor": LazyCommand(
        "harness.cli.doctor:doctor", "Check that everything a run needs is there."
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="harness")
def cli() -> None:
    """Re-run the claim that a neural-architecture-search method fits on a small device.

    Every method meets the same tasks with the same budget on the same device; the harness writes
    down memory, accuracy and time.
    """


def main() -> None:
    """Run the command line and exit with its status."""
    try:
        cli(prog_name="harness")
    finally:  # all is said: a Ctrl-C that still comes ends the process, and Python says nothing
        signal.signal(signal.SIGINT, signal.SIG_DFL)
