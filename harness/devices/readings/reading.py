"""One number or word that was read from the machine, with the place it was read from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.devices.readings.tree import UnreadableError

__all__ = ["Reading", "take"]


@dataclass(frozen=True)
class Reading:
    """What was read, or why it could not be."""

    name: str
    value: float | str | None  # None: it could not be read
    unit: str  # empty for words
    source: str  # the path or the interface that was read
    note: str = ""  # why it is missing; empty otherwise


def take(name: str, unit: str, source: str, read: Callable[[], float | str]) -> Reading:
    """Call `read`; where that fails, the value is missing and the note says why."""
    try:
        return Reading(name, read(), unit, source)
    except UnreadableError as error:
        return Reading(name, None, unit, source, str(error))
