"""Describes one name in full: what it is, whose it is, and what it takes."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from harness.devices.at_hand import mode_here
from harness.errors import UnknownNameError
from harness.experiment.budget import NAMED_BUDGETS, Budget
from harness.fields import describe_fields
from harness.plugins.parameters import needs_parameters
from harness.plugins.registry import KINDS, Entry
from harness.plugins.selection import select
from harness.plugins.targets import file_path, load_parameters

if TYPE_CHECKING:
    from harness.contracts import Device
    from harness.plugins.loading import Plugins

__all__ = ["budget_rows", "describe"]

Description = dict[str, Any]


def describe(plugins: Plugins, name: str) -> list[Description]:
    """Describe everything that has `name`: usually one thing, as kinds do not share names.

    Every description has `kind`, `name` and `summary`. What a plugin registered has `plugin`,
    `distribution`, `version` and `parameters` too; a device that can be made without parameters
    its `profile` and `mode` (none where it can be neither measured nor emulated), a suite its
    `text`, a budget its `keys`.

    Raises:
        UnknownNameError: nothing has that name.
        PluginError: several plugins claim it, or what it points to cannot be imported or is wrong.
    """
    kinds = [kind for kind in KINDS if plugins.registry.knows(kind, name)]
    descriptions = [_describe(plugins, plugins.registry.get(kind, name)) for kind in kinds]
    if name in NAMED_BUDGETS:
        descriptions.append(_describe_budget(name))
    if not descriptions:
        known = {each for kind in KINDS for each in plugins.registry.names(kind)}
        raise UnknownNameError("name", name, known | set(NAMED_BUDGETS))
    return descriptions


def budget_rows() -> list[Description]:
    """Return a row for each named budget, with the value of each key."""
    return [{"name": name, **budget.model_dump()} for name, budget in NAMED_BUDGETS.items()]


def _describe(plugins: Plugins, entry: Entry) -> Description:
    model = load_parameters(entry)
    description: Description = {
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
    if entry.kind == "suite":
        description["text"] = file_path(entry).read_text(encoding="utf-8")
    return description


def _describe_device(plugins: Plugins, entry: Entry) -> Description:
    device: Device = select(plugins, "device", entry.name)[0].create()
    profile = device.profile.model_dump(mode="json")
    limit = device.profile.memory_limit_bytes
    return {"mode": mode_here(device), "memory_limit_bytes": limit, "profile": profile}


def _describe_budget(name: str) -> Description:
    values = NAMED_BUDGETS[name].model_dump()
    keys = [{**asdict(each), "value": values[each.name]} for each in describe_fields(Budget)]
    return {"kind": "budget", "name": name, "summary": "", "keys": keys}
