"""Tells plugins how trials go; a plugin that fails there is reported once and stops nothing."""

from __future__ import annotations

import logging
import sys
from contextlib import redirect_stdout
from typing import Any
from weakref import WeakKeyDictionary

from pluggy import PluginManager

from harness.plugins.loading import in_one_line

__all__ = ["notify"]

_logger = logging.getLogger(__name__)

# The plugins of each manager that have failed: one that cannot reach its server would keep each of
# a thousand steps waiting, and say so each time.
_failed: WeakKeyDictionary[PluginManager, set[str]] = WeakKeyDictionary()


def notify(manager: PluginManager, hook_name: str, **arguments: Any) -> None:
    """Call a lifecycle hook of each plugin, apart from the others.

    A plugin whose hook raises is reported as a warning of the logger `harness.plugins.lifecycle`,
    and none of its hooks is called again; the other plugins are called all the same. What a plugin
    prints goes to standard error, since standard output is for results.

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
