"""Describes the fields of pydantic models in words, and what was wrong with their values.

All sentences are drawn from the model's JSON schema, so that `harness show`, a plugin's parameters
and a TOML file speak of a field in the same words.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.errors import UnknownNameError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError
    from pydantic_core import ErrorDetails

__all__ = [
    "SEARCH_ONLY",
    "FieldDescription",
    "describe_fields",
    "explain",
    "field_schemas",
    "in_words",
    "options",
    "pretraining_values",
    "schema_of",
    "spelled",
    "value_of",
]

Schema = Mapping[str, Any]

# For pydantic's `Field(json_schema_extra=SEARCH_ONLY)`: a method's parameter that its pretraining
# does not depend on, so that all its values start from the same checkpoint.
SEARCH_ONLY: dict[str, Any] = {"pretraining": False}

_TYPES = {
    "array": "a list",
    "boolean": "true or false",
    "integer": "an integer",
    "null": "none",
    "number": "a number",
    "object": "a table",
    "string": "text",
}
# Faults that the field's type does not explain: pydantic's message, or a validator's, is shown.
_UNTOLD = {
    "assertion_error",
    "finite_number",
    "multiple_of",
    "string_pattern_mismatch",
    "string_too_long",
    "string_too_short",
    "too_long",
    "too_short",
    "value_error",
}
_BOUNDS = {"minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<"}


@dataclass(frozen=True)
class FieldDescription:
    """One field of a model, as a person reads it."""

    name: str
    takes: str  # in words, such as `an integer >= 1`
    default: Any  # a JSON value; None too where the field is required
    required: bool
    description: str


@cache  # made in milliseconds, and asked for with each selection
def schema_of(model: type[BaseModel]) -> Schema:
    """Return the JSON schema of `model`.

    Raises:
        pydantic.errors.PydanticUserError: a field's type has no word in JSON.
    """
    return model.model_json_schema()


def field_schemas(model: type[BaseModel]) -> dict[str, Schema]:
    """Return the JSON schema of each field of `model`, references to other models resolved."""
    schema = schema_of(model)
    return _properties(schema, schema.get("$defs", {}))


def describe_fields(model: type[BaseModel]) -> list[FieldDescription]:
    """Describe each field of `model`, in the order in which the model declares them."""
    required = schema_of(model).get("required", [])
    return [
        FieldDescription(
            name=name,
            takes=in_words(schema),
            default=schema.get("default"),
            required=name in required,
            description=schema.get("description", ""),
        )
        for name, schema in field_schemas(model).items()
    ]


def pretraining_values(parameters: BaseModel | None) -> dict[str, Any]:
    """Return the parameters that pretraining depends on, as JSON values."""
    if parameters is None:
        return {}
    schemas = field_schemas(type(parameters))
    values = parameters.model_dump(mode="json", by_alias=True)
    return {key: value for key, value in values.items() if schemas[key].get("pretraining", True)}


def options(schema: Schema) -> Sequence[Schema]:
    """Return the schemas of the alternatives of a field."""
    alternatives: Sequence[Schema] = schema.get("anyOf", [schema])
    return alternatives


def in_words(schema: Schema) -> str:
    """Describe what a field with this schema takes, such as `an integer >= 1 or none`."""
    return " or ".join(dict.fromkeys(_option_in_words(option) for option in options(schema)))


def spelled(value: object) -> str:
    """Write a JSON value the way people type it: `none`, `true`, `false`, or as it is."""
    if value is None:
        return "none"
    return str(value).lower() if isinstance(value, bool) else str(value)


def value_of(text: str, schema: Schema) -> Any:
    """Convert what people type: `none` to None, and listed numbers to numbers; else keep the text.

    The model reads everything else from text, but pydantic reads neither of these.
    """
    for option in options(schema):
        if option.get("type") == "null" and text == "none":
            return None
        for value in option.get("enum", [option.get("const")]):
            if value is not None and spelled(value) == text:
                return value
    return text


def explain(error: ValidationError, model: type[BaseModel]) -> str:
    """Return one sentence on what was wrong with the values that `model` was given."""
    schema = schema_of(model)
    sentences = [_fault(details, schema) for details in error.errors()]
    return "; ".join(dict.fromkeys(sentences))


def _option_in_words(schema: Schema) -> str:
    if "const" in schema:
        return spelled(schema["const"])
    if "enum" in schema:
        return "one of " + ", ".join(map(spelled, schema["enum"]))
    if schema.get("format") == "path":
        return "a path"
    words = _TYPES.get(schema.get("type", ""), "a value")
    bounds = [f"{sign} {schema[key]}" for key, sign in _BOUNDS.items() if key in schema]
    return " ".join([words, " and ".join(bounds)]).strip()


def _fault(details: ErrorDetails, schema: Schema) -> str:
    """Describe the fault at one place; the alternatives of a union share a sentence."""
    place, field, siblings = _locate(schema, details["loc"])
    key = ".".join(place)
    message = _plain(details["msg"])
    if details["type"] == "extra_forbidden":
        return str(UnknownNameError("key", key, siblings))
    if details["type"] == "missing":
        return f"'{key}' is missing; it must be {in_words(field)}"
    if not key:
        return message
    given = f"'{key}' is {details['input']!r}"
    if details["type"] in _UNTOLD:
        # A table would be repeated in full, to say what is wrong between its keys.
        return f"'{key}': {message}" if _is_table(details) else f"{given}: {message}"
    return f"{given}; it must be {in_words(field)}"


def _is_table(details: ErrorDetails) -> bool:
    return isinstance(details["input"], Mapping)


def _plain(message: str) -> str:
    """Take pydantic's prefix and capital letter from a message, so that it can follow a colon."""
    own = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return own[:1].lower() + own[1:] if own == message else own


def _locate(
    schema: Schema, location: Sequence[int | str]
) -> tuple[list[str], Schema, Sequence[str]]:
    """Follow pydantic's location through the schema.

    Returns:
        The keys that lead to the field (pydantic's marks for a union's alternatives left out), the
        field's schema, and the full names of the keys that its table has.
    """
    definitions = schema.get("$defs", {})
    place: list[str] = []
    siblings: list[str] = []
    for part in location:
        properties = _properties(schema, definitions)
        inner = properties.get(str(part)) or _item(schema, part, definitions)
        if inner is None and not properties:
            break
        siblings = [".".join([*place, name]) for name in properties]
        place.append(str(part))
        schema = inner or {}
    return place, schema, siblings


def _item(schema: Schema, part: int | str, definitions: Schema) -> Schema | None:
    """Return the schema of a list's items or of a free table's values; None if it is neither."""
    keyword = "items" if isinstance(part, int) else "additionalProperties"
    for option in options(schema):
        if isinstance(option.get(keyword), Mapping):
            return _resolved(option[keyword], definitions)
    return None


def _properties(schema: Schema, definitions: Schema) -> dict[str, Schema]:
    """Return the schemas of a table's fields; empty if `schema` is not a table's."""
    tables = [option["properties"] for option in options(schema) if "properties" in option]
    fields = tables[0] if tables else {}
    return {name: _resolved(field, definitions) for name, field in fields.items()}


def _resolved(schema: Schema, definitions: Schema) -> Schema:
    """Replace a reference to another model by that model's schema, the field's own words kept."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [_resolved(option, definitions) for option in schema["anyOf"]]}
    if "$ref" not in schema:
        return schema
    target = definitions[schema["$ref"].removeprefix("#/$defs/")]
    return {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
