"""Resolves what people type, `NAME` or `NAME[key=value,...]`, to what is registered.

A value may hold spaces; one that holds a comma or a bracket, or that begins with a quote, stands in
quotes: `folder[path="/data/a, b",size=84]`; within double quotes a double quote is written twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from harness.contracts import NeedsFiles
from harness.errors import PluginError, UnknownNameError, UsageError
from harness.fields import spelled
from harness.plugins.registry import ALL, Entry, Kind
from harness.plugins.targets import load_target, needs_parameters, restore, validate

if TYPE_CHECKING:
    from pydantic import BaseModel

    from harness.plugins.loading import Plugins

__all__ = [
    "Selection",
    "UsableMethods",
    "parse",
    "recreate",
    "select",
    "select_usable",
    "spell",
]

_WHOLE = re.compile(r"\s*(?P<name>[^\[\]\s]+)\s*(?:\[(?P<body>.*)\])?\s*", re.DOTALL)
_PLAIN = r"[^\s,\[\]\"'](?:[^,\[\]]*[^\s,\[\]])?"
_PAIR = re.compile(
    rf"""\s*(?P<key>[^\W\d]\w*)\s*=\s*
    (?:"(?P<double>(?:[^"]|"")*)" | '(?P<single>[^']*)' | (?P<plain>{_PLAIN}))
    \s*(?P<end>,|$)""",
    re.VERBOSE,
)


def parse(text: str) -> tuple[str, dict[str, str]]:
    """Split `NAME[key=value,...]` into the name and the values, all still text.

    Raises:
        UsageError: it is not written so; the message shows the part that is wrong.
    """
    whole = _WHOLE.fullmatch(text)
    if whole is None:
        raise _malformed(text, text)
    return whole["name"], {} if whole["body"] is None else _pairs(whole["body"], text)


def spell(name: str, values: Mapping[str, object]) -> str:
    """Write a name and its values so that `parse` reads the same from it."""
    pairs = ",".join(f"{key}={_spell_value(value)}" for key, value in values.items())
    return f"{name}[{pairs}]" if pairs else name


def _pairs(body: str, text: str) -> dict[str, str]:
    values: dict[str, str] = {}
    position, more = 0, True
    while more:
        pair = _PAIR.match(body, position)
        if pair is None:
            raise _malformed(text, body[position:])
        if pair["key"] in values:
            raise UsageError(f"'{text}' gives the parameter '{pair['key']}' twice")
        values[pair["key"]] = _value_of(pair)
        position, more = pair.end(), pair["end"] == ","
    return values


def _value_of(pair: re.Match[str]) -> str:
    if pair["double"] is not None:
        return pair["double"].replace('""', '"')
    return pair["plain"] if pair["single"] is None else pair["single"]


def _malformed(text: str, part: str) -> UsageError:
    near = f" near '{part}'" if part not in ("", text) else ""
    return UsageError(
        f"'{text}' cannot be read{near}; write NAME or NAME[key=value,key=value], "
        f"and a value that holds a comma or a bracket in quotes"
    )


def _spell_value(value: object) -> str:
    """Write a JSON value the way people type it, in quotes where it needs them."""
    text = spelled(value)
    if re.fullmatch(_PLAIN, text):
        return text
    if '"' in text and "'" not in text:
        return f"'{text}'"
    return '"' + text.replace('"', '""') + '"'


@dataclass(frozen=True)
class Selection:
    """A name together with the parameters it was given; nothing is created yet."""

    kind: Kind
    name: str
    entry: Entry
    parameters: BaseModel | None  # None: the entry takes none

    @property
    def params(self) -> dict[str, Any]:
        """Every parameter as a JSON value, those left at their default included."""
        if self.parameters is None:
            return {}
        return self.parameters.model_dump(mode="json", by_alias=True)

    @property
    def label(self) -> str:
        """The name, with the parameters that differ from their defaults; `select` reads it.

        What another parameter implies, such as a preset that comes before it, is left out.
        """
        if self.parameters is None:
            return self.name
        given = self.parameters.model_dump(mode="json", by_alias=True, exclude_defaults=True)
        for key in reversed(list(given)):
            rest = {name: value for name, value in given.items() if name != key}
            if _makes(rest, self.parameters):
                given = rest
        return spell(self.name, given)

    @property
    def missing(self) -> str:
        """A sentence on files that the method needs and that are missing; empty if none are."""
        return self.parameters.missing() if isinstance(self.parameters, NeedsFiles) else ""

    def create(self) -> Any:
        """Call the target with the parameters model; with nothing if it registered none.

        The target of a score is the function itself, which is returned.

        Raises:
            PluginError: the target cannot be imported.
        """
        target = load_target(self.entry)
        if self.kind == "score":
            return target
        return target() if self.parameters is None else target(self.parameters)


def _makes(values: Mapping[str, Any], parameters: BaseModel) -> bool:
    """Tell whether a model makes just these parameters of `values`."""
    from pydantic import ValidationError  # noqa: PLC0415 - slow to import; `list` does without

    try:
        return type(parameters).model_validate(values) == parameters
    except ValidationError:
        return False


def select(plugins: Plugins, kind: Kind, text: str) -> list[Selection]:
    """Resolve `NAME` or `NAME[key=value,...]` to one selection, `all` to one for each name.

    `all` leaves out an entry with a parameter that must be given, such as a folder's path.

    Raises:
        UnknownNameError: no such name or parameter; the message has the nearest one.
        UsageError: the text is malformed, or a value is not allowed.
        PluginError: several plugins claim the name (with `all`, any of them), or a parameters model
            cannot be used.
    """
    name, values = parse(text)
    if name != ALL:
        entry = plugins.registry.get(kind, name)
        return [Selection(kind, name, entry, validate(entry, values))]
    if values:
        raise UsageError(f"'{text}' cannot be read; '{ALL}' takes no parameters")
    every = (plugins.registry.get(kind, each) for each in plugins.registry.names(kind))
    return [
        Selection(kind, entry.name, entry, validate(entry, {}))
        for entry in every
        if not needs_parameters(entry)
    ]


def recreate(plugins: Plugins, kind: Kind, name: str, params: Mapping[str, Any]) -> Selection:
    """Return the selection that had this name and these `params`, say in another process.

    Raises:
        UsageError: the name or the parameters are not those of a plugin as it is now.
        PluginError: several plugins claim the name, or the parameters model cannot be used.
    """
    entry = plugins.registry.get(kind, name)
    return Selection(kind, name, entry, restore(entry, params))


class UsableMethods(NamedTuple):
    """The methods that were asked for and can be run; and reasons, by text, why others cannot.

    Attributes:
        passed_over: methods whose plugin is at fault.
        left_out: methods of `all` that need files which are missing.
    """

    selections: Sequence[Selection]
    passed_over: Mapping[str, str]
    left_out: Mapping[str, str]


def select_usable(plugins: Plugins, texts: Iterable[str], kind: Kind = "method") -> UsableMethods:
    """Resolve methods, and pass over those that fail because of a plugin, not of the person.

    These are names that several plugins claim, names of plugins that cannot be loaded (what such a
    plugin would register is not known, so its own name counts), and names whose parameters cannot
    be imported.

    Raises:
        UsageError: a name, parameter or value is wrong, or what was named lacks its files.
        PluginError: nothing is left.
    """
    selections: list[Selection] = []
    passed_over: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for text, of_all in _expanded(plugins, texts, kind):
        try:
            found = _select(plugins, text, kind, of_all=of_all)
            absent = {each.label: each.missing for each in found if of_all and each.missing}
            selections += [each for each in found if each.label not in absent]
            left_out |= absent
        except UnknownNameError as error:
            reason = _fault(plugins, text)
            if reason is None:
                raise error from None
            passed_over[text] = reason
        except PluginError as error:
            passed_over[text] = str(error)
    if not selections:
        raise PluginError("; ".join(passed_over.values()) or f"no plugin registers a {kind}")
    for each in selections:
        if each.missing:
            raise UsageError(f"method {each.label} cannot be run: {each.missing}")
    return UsableMethods(selections, passed_over, left_out)


def _expanded(plugins: Plugins, texts: Iterable[str], kind: Kind) -> Iterator[tuple[str, bool]]:
    """Replace `all` by every name; each text comes with whether it is from `all`."""
    for text in texts:
        if text == ALL:
            yield from ((name, True) for name in plugins.registry.names(kind))
        else:
            yield text, False


def _select(plugins: Plugins, text: str, kind: Kind, *, of_all: bool) -> list[Selection]:
    if of_all and needs_parameters(plugins.registry.get(kind, text)):
        return []  # `all` leaves out what cannot be made without parameters
    return select(plugins, kind, text)


def _fault(plugins: Plugins, text: str) -> str | None:
    """Return what is wrong with the plugin that has the name of a method."""
    problem = plugins.problem_of(parse(text)[0])
    return None if problem is None else str(problem)
