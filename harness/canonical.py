"""Canonical JSON: equal values have one spelling, from which keys and records are made."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any, ClassVar

from pydantic import BaseModel, SerializerFunctionWrapHandler, model_serializer

__all__ = ["SparseModel", "canonical_json", "digest"]


class SparseModel(BaseModel):
    """A model whose fields in `SPARSE` are written only if they differ from their defaults.

    So a field that was added later leaves keys and records as they were, unless it is used.
    """

    SPARSE: ClassVar[frozenset[str]]

    @model_serializer(mode="wrap")
    def _without_defaults(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        told: dict[str, Any] = dump(self)
        for name, default in _defaults(type(self)):
            if getattr(self, name) == default:
                told.pop(name, None)
        return told


@cache
def _defaults(model: type[SparseModel]) -> list[tuple[str, Any]]:
    """Return the fields that may be left out, with their defaults."""
    fields = model.model_fields
    return [(name, fields[name].get_default(call_default_factory=True)) for name in model.SPARSE]


def canonical_json(value: Any) -> str:
    """Return `value` as JSON with sorted keys and no white space.

    Raises:
        ValueError: a number is not finite, which JSON has no word for.
        TypeError: something in it is not JSON value.
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False
    )


def digest(value: Any) -> str:
    """Return the SHA-256 of `value`'s canonical JSON, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
