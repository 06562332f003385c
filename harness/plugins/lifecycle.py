"""Calls the lifecycle hooks of plugins, and adds the reporters that a person asks for.

A plugin that fails there is reported once and stops nothing.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pluggy import PluginManager

from harness.errors import PluginError
from harness.plugins.loading import Plugins, faults_of, in_one_line
from harness.plugins.selection import Selection, select

__all__ = ["make_reporters", "notify", "reporting"]

_logger = logging.getLogger(__name__)

# For each manager, the plugins that have failed and are not called again: one that cannot reach its
# server would otherwise delay each of a thousand steps, and complain each time.
_failed: WeakKeyDictionary[PluginManager, set[str]] = WeakKeyDictionary()


def notify(manager: PluginManager, hook_name: str, **arguments: Any) -> None:
    """Call a lifecycle hook of each plugin separately.

    If a hook raises, the logger `harness.plugins.lifecycle` warns once, and no hook of that plugin
    is called again; the other plugins are still called. What a plugin prints goes to standard
    error, since standard output is for results.

    Args:
        manager: `harness.plugins.loading.Plugins.manager`.
        hook_name: such as `harness_trial_started`.
        **arguments: what the hook is called with.
    """
    plugins, failed = manager.get_plugins(), _failed.setdefault(manager, set())
    for implementation in reversed(getattr(manager.hook, hook_name).get_hookimpls()):
        if implementation.plugin_name in failed:
            continue
        others = plugins - {implementation.plugin}
        call = manager.subset_hook_caller(hook_name, remove_plugins=others)
        try:
            with redirect_stdout(sys.stderr):
                call(**arguments)
        except (Exception, SystemExit) as error:
            failed.add(implementation.plugin_name)
            _logger.warning(
                "plugin '%s' failed in its hook '%s' and is not called again: %s",
                implementation.plugin_name,
                hook_name,
                in_one_line(error),
            )


def make_reporters(plugins: Plugins, texts: Sequence[str]) -> dict[str, object]:
    """Make the reporters that a person names, each once; nothing is written yet.

    Args:
        plugins: where their names are looked up.
        texts: such as `csv` or `mlflow[experiment=night]`.

    Returns:
        Each reporter by its label.

    Raises:
        UsageError: the name is unknown, a parameter is wrong, or what it needs is not installed.
        PluginError: it cannot be made, or has a wrong hook.
    """
    chosen = {each.label: each for text in texts for each in select(plugins, "reporter", text)}
    return {label: _make(selection) for label, selection in chosen.items()}


@contextmanager
def reporting(plugins: Plugins, reporters: Mapping[str, object], folder: Path) -> Iterator[None]:
    """Let reporters follow the trials that run inside, beside the plugins that always do.

    Args:
        plugins: whose hooks are called.
        reporters: by label, as `make_reporters` returns them.
        folder: of the run; it is there already.
    """
    for label, reporter in reporters.items():
        plugins.manager.register(reporter, f"reporter {label}")
    try:
        notify(plugins.manager, "harness_run_started", folder=folder)
        yield
    finally:
        notify(plugins.manager, "harness_run_finished")
        for reporter in reporters.values():
            plugins.manager.unregister(reporter)


def _make(selection: Selection) -> object:
    try:
        reporter: object = selection.create()
    except PluginError:
        raise
    except (ImportError, TypeError) as error:
        raise PluginError(
            f"{selection.entry.plugin}: {selection.entry} cannot be made: {in_one_line(error)}"
        ) from error
    if faults := faults_of(reporter):
        raise PluginError(f"{selection.entry.plugin}: {selection.entry}: {'; '.join(faults)}")
    return reporter
