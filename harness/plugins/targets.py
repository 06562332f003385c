"""Imports the targets and the parameters models of entries, and validates parameters."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout
from functools import partial, reduce
from importlib import import_module
from importlib.resources import files
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import PluginError, UnknownNameError, UsageError
from harness.fields import explain, field_schemas, schema_of, value_of
from harness.plugins.loading import in_one_line
from harness.plugins.registry import Entry
from harness.system.text import is_unicode, written

if TYPE_CHECKING:
    from pydantic import BaseModel

    from harness.devices.profile import DeviceProfile

__all__ = ["file_path", "load_parameters", "load_target", "needs_parameters", "restore", "validate"]


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
        PluginError: it cannot be imported, is not a pydantic model, or has a field that JSON has no
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
        schema_of(model)
    except PydanticUserError as error:
        raise PluginError(f"{where} cannot be described: {in_one_line(error)}") from error
    return model


def file_path(entry: Entry) -> Path:
    """Return where the TOML file of a suite or device lies.

    Raises:
        PluginError: its package cannot be imported, or has no such file.
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
    """Import `"module:attribute"`; whatever goes wrong there is reported as the plugin's fault."""
    module, _, attribute = target.partition(":")
    try:
        with redirect_stdout(sys.stderr):  # standard output is for results
            return reduce(getattr, attribute.split("."), import_module(module))
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"{entry.plugin}: the {role} '{target}' of {entry} cannot be imported: "
            f"{in_one_line(error)}"
        ) from error


def validate(entry: Entry, values: Mapping[str, str]) -> BaseModel | None:
    """Return the entry's parameters, defaults filled in; None if it takes none.

    Raises:
        UnknownNameError: the entry has no such parameter.
        UsageError: a value is not allowed, or a parameter that must be given is missing.
        PluginError: the parameters model cannot be used.
    """
    model = load_parameters(entry)
    schemas = field_schemas(model) if model is not None else {}
    _refuse_unknown(entry, values, schemas)
    for key, text in values.items():
        if not is_unicode(text):
            raise UsageError(
                f"{entry}: '{key}' is '{written(text)}', which is not in UTF-8, and cannot be "
                "written down; rename it, or reach it through a link with another name"
            )
    if model is None:
        return None
    typed = {key: value_of(text, schemas[key]) for key, text in values.items()}
    return _checked(entry, model, lambda: model.model_validate(typed))


def restore(entry: Entry, params: Mapping[str, Any]) -> BaseModel | None:
    """Return the entry's parameters from the JSON values that its model was dumped to.

    Raises:
        UnknownNameError: the entry has no such parameter.
        UsageError: a value is not allowed.
        PluginError: the parameters model cannot be used.
    """
    model = load_parameters(entry)
    _refuse_unknown(entry, params, field_schemas(model) if model is not None else {})
    if model is None:
        return None
    text = json.dumps(dict(params))
    return _checked(entry, model, lambda: model.model_validate_json(text))


def needs_parameters(entry: Entry) -> bool:
    """Return whether an entry has a parameter that must be given.

    Raises:
        PluginError: the parameters model cannot be used.
    """
    model = load_parameters(entry)
    return model is not None and any(field.is_required() for field in model.model_fields.values())


def _refuse_unknown(entry: Entry, given: Iterable[str], known: Iterable[str]) -> None:
    for key in given:
        if key not in known:
            raise UnknownNameError("parameter", key, known, where=f" of {entry}")


def _checked(entry: Entry, model: type[BaseModel], make: Callable[[], BaseModel]) -> BaseModel:
    from pydantic import ValidationError  # noqa: PLC0415 - slow to import; `list` does without

    try:
        parameters = make()
    except ValidationError as error:
        raise UsageError(f"{entry}: {explain(error, model)}") from None
    for key, value in parameters.model_dump(mode="json", by_alias=True).items():
        if isinstance(value, float) and not isfinite(value):  # JSON, and so a record, has no word
            raise UsageError(f"{entry}: '{key}' is {value}; it must be a finite number")
    return parameters
