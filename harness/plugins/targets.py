"""Imports the targets that plugins have registered; until then their own code is not imported."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from functools import partial, reduce
from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import PluginError
from harness.plugins.loading import in_one_line
from harness.plugins.registry import Entry

if TYPE_CHECKING:
    from pydantic import BaseModel

    from harness.devices.profile import DeviceProfile

__all__ = ["file_path", "load_parameters", "load_target"]


def load_target(entry: Entry) -> Any:
    """Import the target of a method, dataset or device; of a device's TOML file, read it.

    Raises:
        PluginError: it cannot be imported, or cannot be called; the profile is wrong.
    """
    if entry.is_file:
        from harness.devices.at_hand import ProfiledDevice  # noqa: PLC0415 - only devices need it

        return partial(ProfiledDevice, _load_profile(entry))
    target = _import(entry, entry.target, "target")
    if not callable(target):
        raise PluginError(f"{entry.plugin}: the target '{entry.target}' of {entry} is not a class")
    return target


def load_parameters(entry: Entry) -> type[BaseModel] | None:
    """Import the parameters model of an entry; None if it takes no parameters.

    Raises:
        PluginError: it cannot be imported, is no pydantic model, or has a field that JSON has no
            word for.
    """
    from pydantic import BaseModel  # noqa: PLC0415 - slow to import, and few commands need it
    from pydantic.errors import PydanticUserError  # noqa: PLC0415 - as above

    if entry.parameters is None:
        return None
    model = _import(entry, entry.parameters, "parameters model")
    where = f"{entry.plugin}: the parameters model '{entry.parameters}' of {entry}"
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        raise PluginError(f"{where} is not a pydantic model")
    try:
        model.model_json_schema()
    except PydanticUserError as error:
        raise PluginError(f"{where} cannot be described: {in_one_line(error)}") from error
    return model


def file_path(entry: Entry) -> Path:
    """Return where the TOML file of a suite or device lies.

    Raises:
        PluginError: its package cannot be imported, or there is no such file.
    """
    if Path(entry.target).is_absolute():  # a person has named the file itself
        return Path(entry.target)
    module, _, name = entry.target.partition(":")
    where = f"{entry.plugin}: the file '{entry.target}' of {entry}"
    try:
        path = files(module).joinpath(name)
    except (Exception, SystemExit) as error:
        raise PluginError(f"{where} cannot be found: {in_one_line(error)}") from error
    if not isinstance(path, Path) or not path.is_file():
        raise PluginError(f"{where} is not there")
    return path


def _load_profile(entry: Entry) -> DeviceProfile:
    from harness.devices.profile import (  # noqa: PLC0415 - imports pydantic, as above
        ProfileError,
        read_profile,
    )

    try:
        profile = read_profile(file_path(entry))
    except ProfileError as error:
        raise PluginError(f"{entry.plugin}: {error}") from None
    if profile.name != entry.name:
        raise PluginError(
            f"{entry.plugin}: the profile '{entry.target}' of {entry} has the name "
            f"'{profile.name}'; both must be the same"
        )
    return profile


def _import(entry: Entry, target: str, role: str) -> Any:
    """Import `"module:attribute"`; whatever goes wrong there is the plugin's fault, and said so."""
    module, _, attribute = target.partition(":")
    try:
        with redirect_stdout(sys.stderr):  # standard output is for results
            return reduce(getattr, attribute.split("."), import_module(module))
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{entry.plugin}: the {role} '{target}' of {entry} cannot be imported: "
            f"{in_one_line(error)}"
        ) from error
