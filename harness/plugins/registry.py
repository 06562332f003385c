"""What plugins have registered: a name, a lazy target, and the plugin that it came from."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from harness.errors import PluginError, UnknownNameError
from harness.hookspecs import Register
from harness.metrics import MetricSpec

__all__ = [
    "ALL",
    "KINDS",
    "PLURALS",
    "Collector",
    "Conflict",
    "Entry",
    "Kind",
    "PluginSource",
    "Registry",
    "check_name",
]

Kind = Literal[
    "method", "dataset", "device", "suite", "reporter", "claim", "space", "search", "score"
]  # fmt: skip
KINDS: tuple[Kind, ...] = get_args(Kind)

# What hooks, commands and JSON call several of a kind.
PLURALS: Mapping[Kind, str] = {kind: f"{kind}s" for kind in KINDS} | {"search": "searches"}

CONTROL = "Control:"  # how the summary of a method or search begins that others are compared with
ALL = "all"  # stands for every name of a kind, so no plugin may claim it

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_MODULE = r"[^\W\d]\w*(\.[^\W\d]\w*)*"
_FORMS = {
    "module:attribute": re.compile(rf"{_MODULE}:{_MODULE}"),
    "module:file.toml": re.compile(rf"{_MODULE}:\w[\w-]*\.toml"),
}
_IMPORTED, _FILE = _FORMS


@dataclass(frozen=True)
class PluginSource:
    """A plugin's origin: its entry point, and the distribution that declares it."""

    name: str
    distribution: str
    version: str

    def __str__(self) -> str:
        """Name it so that a person knows what to uninstall."""
        return f"plugin '{self.name}' ({self.distribution} {self.version})"

    @property
    def remedy(self) -> str:
        """What to do if something is wrong with it."""
        return f"update or uninstall {self.distribution}"


@dataclass(frozen=True)
class Entry:
    """A name that a plugin registered; nothing of it is imported yet."""

    kind: Kind
    name: str
    target: str  # "module:attribute"; where `is_file`, "module:file.toml" or a path
    parameters: str | None  # "module:attribute" of a pydantic model
    summary: str
    plugin: PluginSource

    @property
    def is_file(self) -> bool:
        """Whether the target is a TOML file that describes it, not something to import."""
        is_profile = self.kind == "device" and self.target.lower().endswith(".toml")
        return self.kind in ("suite", "claim") or is_profile

    @property
    def is_control(self) -> bool:
        """Whether it is a control, with which others are compared."""
        return self.summary.startswith(CONTROL)

    @property
    def distribution(self) -> str:
        """The name of the distribution that the plugin belongs to."""
        return self.plugin.distribution

    @property
    def version(self) -> str:
        """The version of that distribution."""
        return self.plugin.version

    def __str__(self) -> str:
        """Name it the way messages do, such as `method 'darts'`."""
        return f"{self.kind} '{self.name}'"


class Collector:
    """Collects what one plugin registers, so that one that fails half-way registers nothing."""

    def __init__(self, plugin: PluginSource) -> None:
        """Collect for `plugin`."""
        self.plugin = plugin
        self.entries: list[Entry] = []
        self.metrics: list[MetricSpec] = []

    def register_metric(self, metric: MetricSpec) -> None:
        """Take a metric, as the hook `harness_register_metrics` is handed it."""
        if not isinstance(metric, MetricSpec):
            raise PluginError(f"it registers the metric {metric!r:.80}, which is not a MetricSpec")
        self.metrics.append(metric)

    def register_for(self, kind: Kind) -> Register:
        """Return the `register` function that the plugin's hook for `kind` is handed."""

        def register(
            name: str, target: str, *, parameters: str | None = None, summary: str = ""
        ) -> None:
            entry = Entry(kind, name, target, parameters, summary, self.plugin)
            _check(entry)
            if any((other.kind, other.name) == (kind, name) for other in self.entries):
                raise PluginError(f"it registers the {kind} '{name}' twice")
            self.entries.append(entry)

        register.__qualname__ = "register"  # what Python's own messages call it
        return register


@dataclass(frozen=True)
class Conflict:
    """A name that more than one plugin claims, so that none can have it."""

    kind: Kind
    name: str
    plugins: tuple[PluginSource, ...]

    def __str__(self) -> str:
        """Name all plugins that claim it, and say what to do."""
        claimants = " and by ".join(str(plugin) for plugin in self.plugins)
        return f"the {self.kind} '{self.name}' is claimed by {claimants}; keep one of them"


class Registry:
    """The registered names of each kind, with their entries, and reasons why some are unusable."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        """Start with `entries`."""
        self._entries: dict[tuple[Kind, str], list[Entry]] = defaultdict(list)
        self._faults: dict[tuple[Kind, str], str] = {}
        self.add(entries)

    def add(self, entries: Iterable[Entry]) -> None:
        """Add what a plugin registered."""
        for entry in entries:
            self._entries[entry.kind, entry.name].append(entry)

    def set_aside(self, kind: Kind, name: str, fault: str) -> None:
        """Record why a name cannot be used, for whoever asks for it."""
        self._faults.setdefault((kind, name), fault)

    def knows(self, kind: Kind, name: str) -> bool:
        """Tell whether a name is registered, or was set aside."""
        return (kind, name) in self._entries or (kind, name) in self._faults

    def names(self, kind: Kind) -> list[str]:
        """Return every name of a kind in order, those that several plugins claim included."""
        return sorted(name for other, name in self._entries if other == kind)

    def entries(self, kind: Kind) -> list[Entry]:
        """Return the entries of a kind that can be used, in the order of their names."""
        claims = (self._entries[kind, name] for name in self.names(kind))
        return [entry for entry, *others in claims if not others]

    def get(self, kind: Kind, name: str) -> Entry:
        """Return the entry that has `name`.

        Raises:
            UnknownNameError: no plugin registered it.
            PluginError: more than one plugin did, or what did cannot be used; the message names
                them.
        """
        if (kind, name) not in self._entries:
            if (kind, name) in self._faults:
                raise PluginError(self._faults[kind, name])
            raise UnknownNameError(kind, name, self.names(kind))
        entry, *others = self._entries[kind, name]
        if others:
            raise PluginError(str(_conflict([entry, *others])))
        return entry

    def registered_by(self, plugin: PluginSource) -> list[Entry]:
        """Return all that a plugin registered, including names that others claim too."""
        return [
            entry
            for entries in self._entries.values()
            for entry in entries
            if entry.plugin == plugin
        ]

    def conflicts(self) -> list[Conflict]:
        """Return the names that more than one plugin claims, in order."""
        contested = [claims for claims in self._entries.values() if len(claims) > 1]
        return sorted(map(_conflict, contested), key=lambda each: (each.kind, each.name))


def _conflict(claims: list[Entry]) -> Conflict:
    return Conflict(claims[0].kind, claims[0].name, tuple(entry.plugin for entry in claims))


def check_name(kind: Kind, name: str) -> None:
    """Check a name against the rule that `harness.hookspecs.Register` states.

    Raises:
        PluginError: it is not such a name.
    """
    if not _matches(_NAME, name) or name == ALL:
        raise PluginError(
            f"it registers a {kind} as {name!r}; a name is lower-case letters, digits "
            f"and single hyphens, starts with a letter, and is not '{ALL}'"
        )


def _check(entry: Entry) -> None:
    """Check an entry against the rules that `harness.hookspecs.Register` states."""
    check_name(entry.kind, entry.name)
    _check_target(entry)
    if entry.parameters is not None:
        if entry.is_file:
            raise PluginError(
                f"{entry} has a parameters model; what a TOML file describes takes no parameters"
            )
        if entry.kind == "score":
            raise PluginError(f"{entry} has a parameters model; a score takes no parameters")
        if not _matches(_FORMS[_IMPORTED], entry.parameters):
            raise PluginError(
                f"the parameters of {entry} are {entry.parameters!r}; they must be '{_IMPORTED}'"
            )
    if not isinstance(entry.summary, str) or not entry.summary.isprintable():
        raise PluginError(f"the summary of {entry} must be one line of text")


def _check_target(entry: Entry) -> None:
    own = {"suite": [_FILE], "claim": [_FILE], "device": [_IMPORTED, _FILE]}
    forms = own.get(entry.kind, [_IMPORTED])
    if not any(_matches(_FORMS[form], entry.target) for form in forms):
        takes = " or ".join(f"'{form}'" for form in forms)
        raise PluginError(f"the target of {entry} is {entry.target!r}; it must be {takes}")


def _matches(pattern: re.Pattern[str], text: object) -> bool:
    return isinstance(text, str) and pattern.fullmatch(text) is not None
