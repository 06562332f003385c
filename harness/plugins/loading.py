"""Loads plugins one by one, so that a broken one is named and stops nothing else.

Pluggy passes over hooks that are misspelt or unmarked; they are faults here.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from pluggy import HookImpl, PluginManager

from harness import hookspecs
from harness.errors import HarnessError, PluginError
from harness.metrics import METRICS, MetricSpec
from harness.plugins.profile_files import device_of, profile_files
from harness.plugins.registry import (
    KINDS,
    PLURALS,
    Collector,
    Conflict,
    Kind,
    PluginSource,
    Registry,
)

__all__ = [
    "PROJECT",
    "STRICT_VARIABLE",
    "PluginProblem",
    "Plugins",
    "faults_of",
    "in_one_line",
    "load_plugins",
]

PROJECT = "harness"


def _new_manager() -> PluginManager:
    """Return a plugin manager that knows the harness's hooks and no plugin."""
    manager = PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    return manager


def faults_of(plugin: object) -> list[str]:
    """Return what is wrong with a plugin's hooks; each fault is a clause that has `it` as subject.

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
    specification = _new_manager()
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


STRICT_VARIABLE = "HARNESS_STRICT_PLUGINS"


@dataclass(frozen=True)
class PluginProblem:
    """A plugin that is not used, and why."""

    plugin: PluginSource
    reason: str  # a clause that has `it` as subject

    def __str__(self) -> str:
        """Return it as one line."""
        return f"{self.plugin} is not used: {self.reason}"


@dataclass(frozen=True)
class Plugins:
    """All plugins that were found.

    Attributes:
        manager: calls the lifecycle hooks of the plugins that are used.
        registry: the names that these plugins registered.
        sources: the plugins that are used, in the order of their names; then the device profiles
            that a person has named.
        problems: the plugins and profiles that are not.
        metrics: the table of metrics: the harness's own, then those of these plugins.
    """

    manager: PluginManager
    registry: Registry
    sources: tuple[PluginSource, ...]
    problems: tuple[PluginProblem, ...]
    metrics: Mapping[str, MetricSpec] = field(default_factory=lambda: METRICS)

    @property
    def controls(self) -> frozenset[str]:
        """The names of methods and searches that others are compared with."""
        kinds: tuple[Kind, ...] = ("method", "search")
        entries = (each for kind in kinds for each in self.registry.entries(kind))
        return frozenset(each.name for each in entries if each.is_control)

    @property
    def complaints(self) -> tuple[PluginProblem | Conflict, ...]:
        """Everything a person should know: plugins not used, names claimed more than once."""
        return (*self.problems, *self.registry.conflicts())

    def problem_of(self, name: str) -> PluginProblem | None:
        """Return why the plugin of a name, its own or its distribution's, is not used."""
        found = (p for p in self.problems if name in (p.plugin.name, p.plugin.distribution))
        return next(found, None)


def load_plugins() -> Plugins:
    """Load every plugin that the entry-point group `harness` names.

    Device profiles that the environment variable `HARNESS_DEVICES` names are taken in like plugins.

    Raises:
        PluginError: `HARNESS_STRICT_PLUGINS` is 1, and a plugin cannot be used or two plugins claim
            one name.
    """
    manager, registry, metrics = _new_manager(), Registry(), dict(METRICS)
    sources: list[PluginSource] = []
    problems: list[PluginProblem] = []
    for entry_point in sorted(entry_points(group=PROJECT), key=_order):
        source = _source_of(entry_point)
        try:
            collected = _load(entry_point, source, manager, metrics)
            registry.add(collected.entries)
            metrics |= {metric.name: metric for metric in collected.metrics}
            sources.append(source)
        except PluginError as error:
            problems.append(PluginProblem(source, str(error)))
    for file in profile_files():
        try:
            registry.add([device_of(file)])
            sources.append(file)
        except PluginError as error:
            problems.append(PluginProblem(file, str(error)))
            registry.set_aside("device", file.name, str(problems[-1]))
    plugins = Plugins(manager, registry, tuple(sources), tuple(problems), metrics)
    if plugins.complaints and os.environ.get(STRICT_VARIABLE, "0") not in ("", "0"):
        raise PluginError("; ".join(map(str, plugins.complaints)))
    return plugins


def in_one_line(error: BaseException) -> str:
    """Return an exception's message in one line, with its class unless it is meant for people."""
    message = " ".join(str(error).split())
    if isinstance(error, HarnessError):
        return message
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


def _load(
    entry_point: EntryPoint,
    source: PluginSource,
    manager: PluginManager,
    metrics: Mapping[str, MetricSpec],
) -> Collector:
    """Import a plugin, check it, collect what it registers, and only then give it to the manager.

    Raises:
        PluginError: it cannot be used. The manager has not seen it.
    """
    if manager.has_plugin(source.name):
        raise PluginError("another plugin has the same name")
    with _guarded("it cannot be imported"):
        plugin = entry_point.load()
    if manager.is_registered(plugin):
        raise PluginError(f"'{entry_point.value}' is already loaded as another plugin")
    with _guarded("its hooks cannot be read"):
        faults = faults_of(plugin)
    if faults:
        raise PluginError("; ".join(faults))
    collected = _collect(plugin, source)
    _check_metrics(collected.metrics, metrics.values())
    manager.register(plugin, source.name)
    return collected


def _check_metrics(metrics: Iterable[MetricSpec], known: Iterable[MetricSpec]) -> None:
    """Check that no two metrics share a name or short name.

    Raises:
        PluginError: the message has the name.
    """
    taken = {name for metric in known for name in (metric.name, metric.short)}
    for metric in metrics:
        for name in dict.fromkeys((metric.name, metric.short)):
            if name in taken:
                raise PluginError(f"it registers the metric '{name}', which already exists")
            taken.add(name)


def _collect(plugin: object, source: PluginSource) -> Collector:
    """Call the register hooks of one plugin alone."""
    collector = Collector(source)
    alone = _new_manager()
    with _guarded("its hooks cannot be registered"):
        alone.register(plugin, source.name)
    for kind in KINDS:
        hook = f"{PROJECT}_register_{PLURALS[kind]}"
        with _guarded(f"its hook '{hook}' failed"):
            getattr(alone.hook, hook)(register=collector.register_for(kind))
    with _guarded(f"its hook '{PROJECT}_register_metrics' failed"):
        alone.hook.harness_register_metrics(register=collector.register_metric)
    return collector


@contextmanager
def _guarded(what: str) -> Iterator[None]:
    """Turn what a plugin raises into a PluginError, and keep its prints off standard output."""
    try:
        with redirect_stdout(sys.stderr):  # standard output is for results
            yield
    except PluginError:
        raise
    except (Exception, SystemExit) as error:
        raise PluginError(f"{what}: {in_one_line(error)}") from error


def _source_of(entry_point: EntryPoint) -> PluginSource:
    """Name a plugin's origin; a distribution with damaged metadata has no name or version."""
    known: dict[str, str] = {}
    # Python gives None where there is no metadata; a backport that other packages import, raises.
    with suppress(FileNotFoundError):
        if entry_point.dist is not None and (metadata := entry_point.dist.metadata) is not None:
            known = {key: metadata[key] for key in ("Name", "Version") if key in metadata}
    return PluginSource(
        name=entry_point.name,
        distribution=known.get("Name", "unknown distribution"),
        version=known.get("Version", "unknown version"),
    )


def _order(entry_point: EntryPoint) -> tuple[str, str]:
    return entry_point.name, _source_of(entry_point).distribution
