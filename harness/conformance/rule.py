"""A rule of the contract between harness and plugins, what it is checked on, and the verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from harness.errors import PluginError, UnknownNameError, UsageError
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.registry import Entry, Kind
from harness.plugins.selection import Selection, parse, select
from harness.plugins.targets import needs_parameters

if TYPE_CHECKING:
    from harness.contracts import Dataset

__all__ = [
    "CHECKED",
    "Address",
    "BrokenRuleError",
    "Conditions",
    "NotApplicableError",
    "NotDecidedError",
    "Rule",
    "Status",
    "Subject",
    "Verdict",
    "find",
]

PAGE = "docs/plugins.md"  # has a heading for every rule

Status = Literal["kept", "broken", "not applicable", "not decided"]

QUICK_SHARE = 1 / 5
CHECKED: tuple[Kind, ...] = ("method", "space", "score", "dataset", "device")


class BrokenRuleError(Exception):
    """A rule does not hold; the message is a clause that says what came instead.

    Attributes:
        cause: the plugin's error behind it, in one line; without one, the message.
    """

    def __init__(self, message: str, cause: str = "") -> None:
        """Tell what came, and of which error of the plugin's."""
        super().__init__(message)
        self.cause = cause or message


class NotApplicableError(Exception):
    """A rule says nothing about this subject; the message is a clause that says why."""


class NotDecidedError(Exception):
    """Time ran out before a rule was checked; the message is a clause that says when."""


@dataclass(frozen=True)
class Conditions:
    """Under which conditions rules are checked.

    Attributes:
        thorough: whether trials make several search steps and checks have their full time; if not,
            trials make one step, and checks have a fifth of the time.
        slowness: how many times slower this machine is than the one that limits were set on, at
            least 1; time limits grow by this factor.
    """

    thorough: bool = True
    slowness: float = 1.0

    def limit_of(self, thorough_s: float | None) -> float | None:
        """Return the seconds that a check may take here, from the limit of a thorough one."""
        if thorough_s is None:
            return None
        return thorough_s * self.slowness * (1.0 if self.thorough else QUICK_SHARE)


@dataclass(frozen=True)
class Rule:
    """One thing that the harness relies on.

    Attributes:
        name: lower-case words joined by hyphens, also the anchor of its paragraph in the docs.
        expects: a sentence that says what is expected.
        check: returns if the rule holds, else raises `BrokenRuleError` or `NotApplicableError`; any
            other exception comes from the plugin, and breaks the rule too.
        limit_s: how many seconds a thorough check may take on the machine that limits were set on;
            None: there is no limit.
    """

    name: str
    expects: str
    check: Callable[[Subject], None]
    limit_s: float | None = 300.0

    @property
    def read(self) -> str:
        """Where to read about it: a page and its anchor."""
        return f"{PAGE}#{self.name}"


@dataclass(frozen=True)
class Verdict:
    """The result of checking a rule.

    Attributes:
        rule: the rule's name.
        status: whether it was kept.
        expected: what the rule expects.
        came: what came instead, or why the rule does not apply or is not decided; empty if kept.
        cause: the same for all rules that one error of the plugin breaks; empty if kept.
        read: a page and its anchor.
        seconds: how long the check took.
    """

    rule: str
    status: Status
    expected: str
    came: str
    cause: str
    read: str
    seconds: float


@dataclass(frozen=True)
class Address:
    """A subject as text, which can be sent to the process of a check.

    Attributes:
        kind: method, dataset, device, space or score.
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


def find(plugins: Plugins, text: str, data_root: Path | None, cache_root: Path) -> list[Address]:
    """Return the subjects that `NAME` or `NAME[key=value,...]` stands for.

    A name that methods, data sets, devices, spaces or scores have stands for these; else it is a
    plugin's, and stands for all of these that it registers and that need no parameters.

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
                    f"{source} registers no method, data set, device, space or score that can be "
                    "made without parameters; name one with its parameters, NAME[key=value]"
                )
            return checkable
    known = {name for kind in CHECKED for name in plugins.registry.names(kind)}
    raise UnknownNameError("name", name, known | {source.name for source in plugins.sources})
