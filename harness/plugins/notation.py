"""Reads and writes what people type to choose something: `NAME` or `NAME[key=value,...]`.

A value may hold spaces; one that holds a comma or a bracket, or that begins with a quote, stands in
quotes: `folder[path="/data/a, b",size=84]`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from harness.errors import UsageError
from harness.fields import spelled

__all__ = ["parse", "spell"]

_WHOLE = re.compile(r"\s*(?P<name>[^\[\]\s]+)\s*(?:\[(?P<body>.*)\])?\s*", re.DOTALL)
_PLAIN = r"[^\s,\[\]\"'](?:[^,\[\]]*[^\s,\[\]])?"
_PAIR = re.compile(
    rf"""\s*(?P<key>[^\W\d]\w*)\s*=\s*
    (?:"(?P<double>[^"]*)" | '(?P<single>[^']*)' | (?P<plain>{_PLAIN}))
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
        values[pair["key"]] = next(
            value for value in pair.group("double", "single", "plain") if value is not None
        )
        position, more = pair.end(), pair["end"] == ","
    return values


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
    quote = "'" if '"' in text else '"'
    return f"{quote}{text}{quote}"
