"""Lists what can be used, as rows of JSON values; imports no plugin's own code."""

from __future__ import annotations

from typing import Any

from harness.plugins.loading import Plugins
from harness.plugins.registry import KINDS, Kind, PluginSource

__all__ = ["entry_rows", "plugin_rows"]

Row = dict[str, Any]


def entry_rows(plugins: Plugins, kind: Kind) -> list[Row]:
    """Return a row for each name of a kind that can be used."""
    return [
        {
            "name": entry.name,
            "summary": entry.summary,
            "plugin": entry.plugin.name,
            "distribution": entry.distribution,
            "version": entry.version,
        }
        for entry in plugins.registry.entries(kind)
    ]


def plugin_rows(plugins: Plugins) -> list[Row]:
    """Return a row for each plugin that was found, with what it registers or why it is not used."""
    used = [_plugin_row(plugins, source, None) for source in plugins.sources]
    unused = [_plugin_row(plugins, each.plugin, each.reason) for each in plugins.problems]
    return sorted(used + unused, key=lambda row: (row["plugin"], row["distribution"]))


def _plugin_row(plugins: Plugins, source: PluginSource, problem: str | None) -> Row:
    claims = plugins.registry.claims(source)
    return {
        "plugin": source.name,
        "distribution": source.distribution,
        "version": source.version,
        "problem": problem,
        **{f"{kind}s": [entry.name for entry in claims if entry.kind == kind] for kind in KINDS},
    }
