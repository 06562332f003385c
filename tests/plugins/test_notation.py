"""`NAME[key=value,...]` is read exactly, and what is malformed is shown."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UsageError
from harness.plugins.selection import parse, spell


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("onnas", ("onnas", {})),
        (" onnas ", ("onnas", {})),
        ("onnas[q=1]", ("onnas", {"q": "1"})),
        ("onnas[ q = 1 , g = all ]", ("onnas", {"q": "1", "g": "all"})),
        ("folder[path=/a b/c,size=84]", ("folder", {"path": "/a b/c", "size": "84"})),
        ("folder[path='/a,b']", ("folder", {"path": "/a,b"})),
        ('folder[path="/a[1]"]', ("folder", {"path": "/a[1]"})),
        ("folder[path='']", ("folder", {"path": ""})),
        ("folder[path=a=b]", ("folder", {"path": "a=b"})),
        ("folder[path=it's]", ("folder", {"path": "it's"})),
        ("""folder[path="it's ""mine"", yes"]""", ("folder", {"path": """it's "mine", yes"""})),
    ],
)
def test_well_formed_text_is_read(text: str, expected: tuple[str, dict[str, str]]) -> None:
    """Names, spaces, quotes and commas in quotes are read as documented."""
    assert parse(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[q=1]",
        "onnas[",
        "onnas[q=1",
        "onnas q=1]",
        "onnas[]",
        "onnas[q]",
        "onnas[q=]",
        "onnas[=1]",
        "onnas[q=1,]",
        "onnas[,q=1]",
        "onnas[q=[1]]",
        "onnas[q='1]",
        "onnas[q='1'2]",
        "onnas[q=1]x",
        "two words",
        "onnas[1q=1]",
    ],
)
def test_malformed_text_is_shown_with_what_would_be_right(text: str) -> None:
    """A text that cannot be read is quoted, together with the right form."""
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert str(caught.value).startswith(f"'{text}' cannot be read")
    assert "write NAME or NAME[key=value,key=value]" in str(caught.value)


def test_message_points_at_the_part_that_is_wrong() -> None:
    """Of several pairs the message shows the one that cannot be read."""
    with pytest.raises(UsageError, match="near 'g'"):
        parse("onnas[q=1,g]")


def test_parameter_given_twice_is_refused() -> None:
    """One of two values would be lost, so neither is taken."""
    with pytest.raises(UsageError, match="gives the parameter 'q' twice"):
        parse("onnas[q=1,q=2]")


@given(st.dictionaries(st.from_regex(r"[a-z_][a-z0-9_]*", fullmatch=True), st.text()))
def test_what_is_spelled_is_read_back(values: dict[str, str]) -> None:
    """`parse` undoes `spell` for every name and all texts."""
    assert parse(spell("name", values)) == ("name", values)


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    """No text makes the reader fail in another way than by a UsageError."""
    with suppress(UsageError):
        parse(text)
