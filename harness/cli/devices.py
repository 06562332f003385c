"""`harness devices`: the machine at hand."""

from __future__ import annotations

import click

from harness.cli.groups import LazyCommand, LazyGroup

__all__ = ["COMMANDS", "devices"]

COMMANDS = {
    "probe": LazyCommand(
        "harness.cli.probe:probe_machine", "Read everything that this machine tells of itself."
    ),
    "calibrate": LazyCommand(
        "harness.cli.calibrate:calibrate_processor",
        "Measure this machine's processor and write a device profile that predicts its times.",
    ),
    "fit": LazyCommand(
        "harness.cli.fit:fit_published",
        "Fit a device's cost model to the published times of suites.",
    ),
}


@click.group(cls=LazyGroup, lazy=COMMANDS)
def devices() -> None:
    """See what this machine is and what can be read of it."""
