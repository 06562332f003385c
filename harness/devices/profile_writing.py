"""Writes a device's profile as TOML that `profile.parse_profile` reads back as the same profile."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.devices.profile import DeviceProfile
from harness.errors import UsageError
from harness.system.text import NotTextError, read_text

__all__ = ["check_destination", "profile_toml"]

MARK = "# Written by `harness devices calibrate`, which overwrites a file that begins like this."

_BARE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


def check_destination(path: Path, *, force: bool) -> None:
    """Refuse early a path that cannot be written, or whose file would be lost.

    Args:
        path: where a profile is to be written.
        force: whether it may take the place of any file.

    Raises:
        UsageError: it must not or cannot be written there; the message says why.
    """
    if path.suffix != ".toml":
        raise UsageError(f"the name of a device profile must end in .toml, and '{path}' does not")
    if path.is_dir():
        raise UsageError(f"{path} is a folder, and a device profile is a file")
    if not os.access(path.parent, os.W_OK):
        reason = "is not writable" if path.parent.is_dir() else "is not a folder"
        raise UsageError(f"{path} cannot be written: {path.parent} {reason}")
    if path.exists() and not force and not _begins_with_mark(path):
        raise UsageError(f"{path} was not written by calibration; --force overwrites it")


def profile_toml(profile: DeviceProfile) -> str:
    """Return the profile as TOML, without what it has no value for."""
    return "\n".join([MARK, *_table(profile.model_dump(exclude_none=True))]) + "\n"


def _begins_with_mark(path: Path) -> bool:
    try:
        return read_text(path).partition("\n")[0] == MARK
    except (OSError, NotTextError):
        return False


def _table(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the lines of a table: its own keys have to come before the tables below it."""
    inside = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    if path and inside:
        yield from ("", f"[{path}]")
    for key, value in inside.items():
        yield f"{_key(key)} = {_value(value)}"
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _table(value, f"{path}.{_key(key)}" if path else _key(key))


def _key(key: str) -> str:
    """Write a key; the dots in those of `sources` stand for tables in tables, which is the same."""
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: object) -> str:
    """Write text, a number or a list of them as JSON, which is TOML but for one character."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")
