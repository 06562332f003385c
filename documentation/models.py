"""Tables of the keys of a file, made from the pydantic model that reads it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from documentation.markdown import anchor, prose, table
from harness.fields import in_words, spelled

__all__ = ["key_tables", "undescribed_keys"]

Schema = Mapping[str, Any]
_REFERENCE = "#/$defs/"


def key_tables(model: type[BaseModel], title: str) -> str:
    """Return a section of keys for the model, and one for each model that it is made of."""
    places = _places(model.model_json_schema())
    return "\n\n".join(
        _section(place or title, schema, places) for place, schema in _tables(model, places)
    )


def undescribed_keys(model: type[BaseModel]) -> list[str]:
    """Name the keys without a description, as `table.key`; tables have sections of their own."""
    return [
        f"{place}.{key}"
        for place, schema in _tables(model, _places(model.model_json_schema()))
        for key, field in schema["properties"].items()
        if not (field.get("description") or any(_references(field)))
    ]


def _places(schema: Schema) -> dict[str, str]:
    """Return the first place of each model within another, such as `budget.allowed`."""
    places: dict[str, str] = {}
    waiting = [("", schema)]
    for place, table_schema in waiting:  # grows while it is read
        for key, field in table_schema["properties"].items():
            for name in _references(field):
                inner = schema["$defs"][name]
                if name not in places and "properties" in inner:
                    places[name] = f"{place}.{key}".lstrip(".")
                    waiting.append((places[name], inner))
    return places


def _tables(model: type[BaseModel], places: Mapping[str, str]) -> Iterator[tuple[str, Schema]]:
    """Give the schema of the model, without a place, and of each that it is made of."""
    schema = model.model_json_schema()
    yield "", schema
    yield from ((place, schema["$defs"][name]) for name, place in places.items())


def _references(part: object) -> Iterator[str]:
    """Give the names of the models that a part of a schema refers to, with repetitions."""
    if isinstance(part, Mapping):
        if "$ref" in part:
            yield part["$ref"].removeprefix(_REFERENCE)
        for value in part.values():
            yield from _references(value)
    if isinstance(part, list):
        for value in part:
            yield from _references(value)


def _section(title: str, schema: Schema, places: Mapping[str, str]) -> str:
    required = schema.get("required", [])
    rows = [
        (
            f"`{key}`",
            _takes(field, places),
            _default(field, key in required),
            prose(field.get("description", "")),
        )
        for key, field in schema["properties"].items()
    ]
    # The first sentence of a docstring says what it is; the rest is for who reads the code.
    said = prose(schema.get("description", "").split("\n\n")[0])
    return f"## {title}\n\n{said}\n\n" + table(["key", "is", "default", "meaning"], rows)


def _default(field: Schema, is_required: bool) -> str:
    if is_required:
        return ""
    default = field.get("default", "")
    if default in ({}, [], ""):
        return "empty"
    return f"`{json.dumps(default) if isinstance(default, list) else spelled(default)}`"


def _takes(field: Schema, places: Mapping[str, str]) -> str:
    """Say what a field takes, with a link to the table of a model."""
    options = field.get("anyOf", [field])
    return " or ".join(dict.fromkeys(_option(option, places) for option in options))


def _option(schema: Schema, places: Mapping[str, str]) -> str:
    if "$ref" in schema:
        place = places.get(schema["$ref"].removeprefix(_REFERENCE))
        return f"[table {place}](#{anchor(place)})" if place else "text"
    if schema.get("type") == "array" and "items" in schema:
        return f"a list, each {_takes(schema['items'], places)}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        return f"a table, each value {_takes(schema['additionalProperties'], places)}"
    return prose(in_words(schema))
