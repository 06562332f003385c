"""What is checked: one name that a plugin registered, with its parameters, and how it is found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.conformance.rule import Conditions
from harness.errors import PluginError, UnknownNameError, UsageError
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.registry import Entry, Kind
from harness.plugins.selection import Selection, parse, select
from harness.plugins.targets import needs_parameters

if TYPE_CHECKING:
    from harness.contracts import Dataset

__all__ = ["CHECKED", "Address", "Subject", "find"]


@dataclass(frozen=True)
class Address:
    """A subject as text, which travels to the process of a check.

    Attributes:
        kind: method, dataset, device or space.
        text: the name, with parameters in brackets.
        data_root: where data sets are kept; None: nothing was given.
        cache_root: where decoded images are kept.
    """

    kind: Kind
    text: str
    data_root: Path | None
    cache_root: Path


@dataclass(frozen=True)
class Subject:
    """A name that was found, ready to be made, and the conditions under which it is checked."""

    address: Address
    plugins: Plugins
    selection: Selection
    conditions: Conditions = field(default_factory=Conditions)

    @classmethod
    def at(cls, address: Address, conditions: Conditions | None = None) -> Subject:
        """Find what an address names, among the plugins of this process.

        Raises:
            UsageError: nothing has that name, or not these parameters.
        """
        plugins = load_plugins()
        (selection,) = select(plugins, address.kind, address.text)
        return cls(address, plugins, selection, conditions or Conditions())

    def create(self) -> Any:
        """Call the target with its parameters.

        Raises:
            PluginError: it cannot be imported.
        """
        return self.selection.create()

    def dataset(self) -> Dataset:
        """Make and prepare the data set.

        Raises:
            DataError: its images are not there, or not readable.
        """
        from harness.contracts import DataRequest  # noqa: PLC0415 - only data sets need it

        request = DataRequest(self.address.data_root, self.address.cache_root, print)
        dataset: Dataset = self.create().prepare(request)
        return dataset


CHECKED: tuple[Kind, ...] = ("method", "space", "dataset", "device")


def find(plugins: Plugins, text: str, data_root: Path | None, cache_root: Path) -> list[Address]:
    """Return the subjects that `NAME` or `NAME[key=value,...]` stands for.

    A name that methods, data sets, devices or spaces have stands for these; else it is a plugin's,
    and stands for all of these that it registers and that need no parameters.

    Raises:
        UsageError: nothing has that name, or not these parameters.
        PluginError: the plugin of that name cannot be used, or a name is claimed twice.
    """
    name, values = parse(text)
    kinds = [kind for kind in CHECKED if plugins.registry.knows(kind, name)]
    if kinds:
        for kind in kinds:
            select(plugins, kind, text)  # a wrong parameter is said here, once
        return [Address(kind, text, data_root, cache_root) for kind in kinds]
    entries = _entries_of(plugins, name)
    if values:
        raise UsageError(f"'{text}' cannot be read; a plugin takes no parameters")
    return [Address(each.kind, each.name, data_root, cache_root) for each in entries]


def _entries_of(plugins: Plugins, name: str) -> Sequence[Entry]:
    """Return what a plugin registers and can be checked."""
    problem = plugins.problem_of(name)
    if problem is not None:
        raise PluginError(str(problem))
    for source in plugins.sources:
        if source.name == name:
            registered = plugins.registry.registered_by(source)
            named = [each for each in registered if each.kind in CHECKED]
            checkable = [each for each in named if not needs_parameters(each)]
            if not checkable:
                raise UsageError(
                    f"{source} registers no method, data set, device or space that can be made "
                    "without parameters; name one with its parameters, NAME[key=value]"
                )
            return checkable
    known = {name for kind in CHECKED for name in plugins.registry.names(kind)}
    raise UnknownNameError("name", name, known | {source.name for source in plugins.sources})
