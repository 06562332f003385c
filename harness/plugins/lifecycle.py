"""Tells plugins how trials go; a plugin that fails there is reported once and stops nothing."""

from __future__ import annotations

import logging
from typing import Any
from weakref import WeakKeyDictionary

from pluggy import PluginManager

from harness.plugins.loading import in_one_line

__all__ = ["notify"]

_logger = logging.getLogger(__name__)

# The plugins of each manager whose failure has been reported: a reporter that fails at each of a
# thousand steps is worth one line.
_reported: WeakKeyDictionary[PluginManager, set[str]] = WeakKeyDictionary()


def notify(manager: PluginManager, hook_name: str, **arguments: Any) -> None:
    """Call a lifecycle hook of each plugin, apart from the others.

    A plugin whose hook raises is reported as a warning of the logger `harness.plugins.lifecycle`,
    once for all its hooks; the other plugins are called all the same.

    Args:
        manager: `harness.plugins.loading.Plugins.manager`.
        hook_name: such as `harness_trial_started`.
        **arguments: what the hook is called with.
    """
    plugins = manager.get_plugins()
    for implementation in reversed(getattr(manager.hook, hook_name).get_hookimpls()):
        others = plugins - {implementation.plugin}
        call = manager.subset_hook_caller(hook_name, remove_plugins=others)
        try:
            call(**arguments)
        except (Exception, SystemExit) as error:
            _report(manager, implementation.plugin_name, hook_name, error)


def _report(manager: PluginManager, plugin_name: str, hook_name: str, error: BaseException) -> None:
    reported = _reported.setdefault(manager, set())
    if plugin_name not in reported:
        reported.add(plugin_name)
        _logger.warning(
            "plugin '%s' failed in its hook '%s' and is not reported again: %s",
            plugin_name,
            hook_name,
            in_one_line(error),
        )
