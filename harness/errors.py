"""Errors that are meant for a person: one clear sentence, and the exit status that goes with it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "DataError",
    "HarnessError",
    "NotWrittenError",
    "PluginError",
    "RunFolderError",
    "UnknownNameError",
    "UsageError",
]


class HarnessError(Exception):
    """An error that a person can put right; the message is one sentence that says what and how."""

    exit_code = 1


class UsageError(HarnessError):
    """What was asked for makes no sense: a wrong name, value or combination."""

    exit_code = 2


class DataError(UsageError):
    """A data set that is missing, unreadable, truncated or unsafe to unpack."""


class PluginError(UsageError):
    """A plugin that cannot be used: not importable, a wrong hook, a name claimed twice."""


class RunFolderError(HarnessError):
    """A run folder that cannot be used: locked, not writable, or not a run folder."""

    exit_code = 2


class NotWrittenError(RunFolderError):
    """A file that the disk refuses during a run; what is finished stays whole."""

    exit_code = 1


class UnknownNameError(UsageError):
    """An unknown name; the message suggests the nearest known one.

    Attributes:
        kind: what was looked for, such as `method`.
        name: the name that was given.
        known: every name that would have been right.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], where: str = "") -> None:
        """Compose the sentence from what was looked for and what there is."""
        self.kind, self.name, self.known = kind, name, sorted(known)
        near = get_close_matches(name, self.known, n=1, cutoff=0.5)
        there_are = f"there are: {', '.join(self.known)}" if self.known else "there are none"
        hint = f"did you mean '{near[0]}'? ({there_are})" if near else there_are
        super().__init__(f"unknown {kind} '{name}'{where}; {hint}")
