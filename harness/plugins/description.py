"""Descriptions for `harness list` and `harness show`: the names of a kind, or one name in full."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.devices.at_hand import mode_here
from harness.errors import PluginError, UnknownNameError
from harness.fields import describe_fields
from harness.plugins.loading import Plugins
from harness.plugins.registry import KINDS, PLURALS, Entry, Kind, PluginSource
from harness.plugins.selection import select
from harness.plugins.targets import file_path, load_parameters, needs_parameters
from harness.system.text import NotTextError, read_text

if TYPE_CHECKING:
    from harness.contracts import Device
    from harness.experiment.budget import Budget

__all__ = ["budget_rows", "describe", "entry_rows", "plugin_rows"]

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
    entries = plugins.registry.registered_by(source)
    return {
        "plugin": source.name,
        "distribution": source.distribution,
        "version": source.version,
        "problem": problem,
        **{
            PLURALS[kind]: [entry.name for entry in entries if entry.kind == kind] for kind in KINDS
        },
    }


def describe(plugins: Plugins, name: str) -> list[Row]:
    """Describe everything that has `name`: usually one thing, as kinds do not share names.

    Every description has `kind`, `name` and `summary`. What a plugin registered has `plugin`,
    `distribution`, `version` and `parameters` too; a device that can be made without parameters
    its `profile` and `mode` (none where it can be neither measured nor emulated), a suite or a
    claim its `text`, a budget its `keys`.

    Raises:
        UnknownNameError: nothing has that name.
        PluginError: several plugins claim it, or what it points to cannot be imported or is wrong.
    """
    kinds = [kind for kind in KINDS if plugins.registry.knows(kind, name)]
    descriptions = [_describe(plugins, plugins.registry.get(kind, name)) for kind in kinds]
    budgets = _named_budgets()
    if name in budgets:
        descriptions.append(_describe_budget(name, budgets[name]))
    if not descriptions:
        known = {each for kind in KINDS for each in plugins.registry.names(kind)}
        raise UnknownNameError("name", name, known | set(budgets))
    return descriptions


def budget_rows() -> list[Row]:
    """Return a row for each named budget, with the value of each key."""
    return [{"name": name, **budget.model_dump()} for name, budget in _named_budgets().items()]


def _describe(plugins: Plugins, entry: Entry) -> Row:
    model = load_parameters(entry)
    description: Row = {
        "kind": entry.kind,
        "name": entry.name,
        "summary": entry.summary,
        "plugin": entry.plugin.name,
        "distribution": entry.distribution,
        "version": entry.version,
        "parameters": [] if model is None else [asdict(each) for each in describe_fields(model)],
    }
    if entry.kind == "device" and not needs_parameters(entry):
        description |= _describe_device(plugins, entry)
    if entry.kind in ("suite", "claim"):
        description["text"] = _file_text(entry)
    return description


def _file_text(entry: Entry) -> str:
    path = file_path(entry)
    try:
        return read_text(path)
    except (OSError, NotTextError) as error:
        raise PluginError(f"{entry.plugin}: {path} cannot be read: {error}") from None


def _describe_device(plugins: Plugins, entry: Entry) -> Row:
    device: Device = select(plugins, "device", entry.name)[0].create()
    profile = device.profile.model_dump(mode="json")
    limit = device.profile.memory_limit_bytes
    return {"mode": mode_here(device), "memory_limit_bytes": limit, "profile": profile}


def _describe_budget(name: str, budget: Budget) -> Row:
    fields = describe_fields(type(budget))
    keys = [{**asdict(each), "value": getattr(budget, each.name)} for each in fields]
    return {"kind": "budget", "name": name, "summary": "", "keys": keys}


def _named_budgets() -> Mapping[str, Budget]:
    from harness.experiment.budget import NAMED_BUDGETS  # noqa: PLC0415 - imports pydantic, slowly

    return NAMED_BUDGETS
