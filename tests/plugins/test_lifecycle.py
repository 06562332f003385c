"""Lifecycle hooks of one plugin cannot disturb the run or another plugin."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.plugins.lifecycle import notify
from harness.plugins.loading import load_plugins

Install = Callable[[str, str], Path]

TRACKER = """
from harness import hookimpl

@hookimpl
def harness_trial_progress(trial, event):
    event["seen"].append(trial)

@hookimpl
def harness_trial_started(trial):
    pass
"""

FAILING = """
from harness import hookimpl

@hookimpl
def harness_trial_progress(event):
    raise ERROR

@hookimpl
def harness_trial_started(trial):
    raise ERROR
"""


@pytest.mark.parametrize("error", ["ValueError('no\\ndisk')", "SystemExit(1)"])
def test_failing_hook_is_reported_once_and_stops_nothing(
    plugin_factory: Install, caplog: pytest.LogCaptureFixture, error: str
) -> None:
    """A hook that raises is one warning that names its plugin, however often it is called."""
    for name in ("a-tracker", "z-tracker"):
        plugin_factory(name, TRACKER)
    plugin_factory("failing", FAILING.replace("ERROR", error))
    manager = load_plugins().manager
    seen: list[str] = []
    for trial in ("one", "two"):
        notify(manager, "harness_trial_started", trial=trial)
        notify(manager, "harness_trial_progress", trial=trial, event={"seen": seen})
    assert seen == ["one", "one", "two", "two"]
    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    message = record.getMessage()
    assert message.startswith("plugin 'failing' failed in its hook 'harness_trial_started'")
    assert "\n" not in message


def test_interrupt_passes_through(plugin_factory: Install) -> None:
    """Ctrl-C inside a plugin's hook still ends the run."""
    plugin_factory("slow", FAILING.replace("ERROR", "KeyboardInterrupt"))
    with pytest.raises(KeyboardInterrupt):
        notify(load_plugins().manager, "harness_trial_started", trial=None)
