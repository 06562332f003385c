"""Finds what pluggy passes over: hooks that are misspelt, unmarked or ask for unknown arguments."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from functools import cache

from pluggy import HookImpl, PluginManager

from harness import hookspecs

__all__ = ["PROJECT", "faults_of", "new_manager"]

PROJECT = "harness"


def new_manager() -> PluginManager:
    """Return a plugin manager that knows the harness's hooks and no plugin."""
    manager = PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def faults_of(plugin: object) -> list[str]:
    """Say what is wrong with a plugin's hooks; each fault is a clause that has `it` as subject.

    Pluggy itself stays silent on a misspelt hook, and refuses a wrong argument without naming the
    right ones.
    """
    bare = PluginManager(PROJECT)  # without specifications, so that it takes every marked function
    bare.register(plugin)
    faults = [_fault_of_unmarked(name) for name in _unmarked(plugin, bare)]
    for caller in bare.get_hookcallers(plugin) or ():
        for implementation in caller.get_hookimpls():
            faults += _faults_of_marked(caller.name, implementation)
    return faults


def _faults_of_marked(name: str, implementation: HookImpl) -> list[str]:
    if name not in _specified_arguments():
        if implementation.optionalhook:
            return []
        return [f"it has a hook '{name}', {_nearest(name)}"]
    takes = _specified_arguments()[name]
    wrong = [argument for argument in implementation.argnames if argument not in takes]
    if not wrong:
        return []
    return [f"its hook '{name}' asks for {_quoted(wrong)}; the arguments are {_quoted(takes)}"]


@cache
def _specified_arguments() -> dict[str, list[str]]:
    """Return the argument names of every hook of `harness.hookspecs`."""
    specification = new_manager()
    return {
        name: list(inspect.signature(getattr(hookspecs, name)).parameters)
        for name in dir(hookspecs)
        if specification.parse_hookspec_opts(hookspecs, name) is not None
    }


def _unmarked(plugin: object, manager: PluginManager) -> list[str]:
    """Name the functions a plugin defines itself that look like hooks and bear no mark."""
    here = getattr(plugin, "__name__", None)
    return [
        name
        for name, function in inspect.getmembers(plugin, inspect.isfunction)
        if name.startswith(f"{PROJECT}_")
        and function.__module__ == here
        and manager.parse_hookimpl_opts(plugin, name) is None
    ]


def _fault_of_unmarked(name: str) -> str:
    if name in _specified_arguments():
        return f"its function '{name}' lacks the mark @{PROJECT}.hookimpl"
    return f"it has a function '{name}', {_nearest(name)}"


def _nearest(name: str) -> str:
    known = list(_specified_arguments())
    near = get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean '{near[0]}'?" if near else f"the hooks are {_quoted(known)}"
    return f"which the harness does not call; {hint}"


def _quoted(names: list[str]) -> str:
    return ", ".join(f"'{name}'" for name in names)
