"""Holds the parameters that people give to the model that the plugin registered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from harness.errors import UnknownNameError, UsageError
from harness.fields import Schema, explain, field_schemas, options, spelled
from harness.plugins.targets import load_parameters

if TYPE_CHECKING:
    from pydantic import BaseModel

    from harness.plugins.registry import Entry

__all__ = ["needs_parameters", "restore", "validate"]


def validate(entry: Entry, values: Mapping[str, str]) -> BaseModel | None:
    """Return the entry's parameters, defaults filled in; None if it takes none.

    Raises:
        UnknownNameError: there is no such parameter.
        UsageError: a value is not allowed, or a parameter that must be given is missing.
        PluginError: the parameters model cannot be used.
    """
    model = load_parameters(entry)
    schemas = field_schemas(model) if model is not None else {}
    _refuse_unknown(entry, values, schemas)
    if model is None:
        return None
    typed = {key: _value(text, schemas[key]) for key, text in values.items()}
    return _checked(entry, model, lambda: model.model_validate(typed))


def restore(entry: Entry, params: Mapping[str, Any]) -> BaseModel | None:
    """Return the entry's parameters from the JSON values that its model was dumped to.

    Raises:
        UnknownNameError: there is no such parameter.
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
    """Say whether an entry has a parameter that must be given.

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


def _value(text: str, schema: Schema) -> Any:
    """Give `none` and listed numbers their type, which pydantic does not read from text."""
    for option in options(schema):
        if option.get("type") == "null" and text == "none":
            return None
        for value in option.get("enum", [option.get("const")]):
            if value is not None and spelled(value) == text:
                return value
    return text
