"""Turns what people type, `NAME` or `NAME[key=value,...]`, into something that can be created."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import UsageError
from harness.plugins.notation import parse, spell
from harness.plugins.parameters import needs_parameters, restore, validate
from harness.plugins.registry import ALL, Entry, Kind
from harness.plugins.targets import load_target

if TYPE_CHECKING:
    from pydantic import BaseModel

    from harness.plugins.loading import Plugins

__all__ = ["Selection", "recreate", "select"]


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

    def create(self) -> Any:
        """Call the target with the parameters model; with nothing if it registered none.

        Raises:
            PluginError: the target cannot be imported.
        """
        target = load_target(self.entry)
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
    """Return the selection that had this name and these `params`, in another process, say.

    Raises:
        UsageError: the name or the parameters are not those of a plugin as it is now.
        PluginError: several plugins claim the name, or the parameters model cannot be used.
    """
    entry = plugins.registry.get(kind, name)
    return Selection(kind, name, entry, restore(entry, params))
