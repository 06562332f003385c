"""Fields of a pydantic model, and faults in their values, are said in plain words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.fields import describe_fields, explain


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = Field(1, ge=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    choice: Literal["a", "b"] = Field("a", description="one of two")
    inner: Inner | None = None
    sizes: list[int] = []
    words: dict[str, Annotated[str, Field(min_length=1)]] = {}


def fault(values: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(values)
    return explain(caught.value, Outer)


def test_fields_are_described_in_their_order() -> None:
    """Each field has its name, what it takes, its default and its description."""
    name, choice, inner, sizes, _ = describe_fields(Outer)
    assert (name.name, name.takes, name.required) == ("name", "text", True)
    assert (choice.takes, choice.default, choice.required) == ("one of a, b", "a", False)
    assert choice.description == "one of two"
    assert inner.takes == "a table or none"
    assert sizes.takes == "a list"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "'name' is missing; it must be text"),
        ({"name": 1}, "'name' is 1; it must be text"),
        ({"name": "n", "inner": {"size": 0}}, "'inner.size' is 0; it must be an integer >= 1"),
        ({"name": "n", "inner": 3}, "'inner' is 3; it must be a table or none"),
        (
            {"name": "n", "inner": {"sise": 2}},
            "unknown key 'inner.sise'; did you mean 'inner.size'? (there are: inner.size)",
        ),
        ({"choice": "c", "name": "n"}, "'choice' is 'c'; it must be one of a, b"),
        (
            {"choice": "c"},
            "'name' is missing; it must be text; 'choice' is 'c'; it must be one of a, b",
        ),
        ({"name": "n", "sizes": [1, "x"]}, "'sizes.1' is 'x'; it must be an integer"),
        (
            {"name": "n", "words": {"a": ""}},
            "'words.a' is '': string should have at least 1 character",
        ),
        ({"name": "n", "words": []}, "'words' is []; it must be a table"),
    ],
)
def test_faults_name_the_key_and_what_it_takes(values: dict[str, Any], sentence: str) -> None:
    """Every fault names its key, nested ones with a dot, and what would be right."""
    assert fault(values) == sentence
