"""A rule of the contract between the harness and a plugin, and the verdict of checking it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.conformance.subject import Subject

__all__ = [
    "BrokenRuleError",
    "Conditions",
    "NotApplicableError",
    "NotDecidedError",
    "Rule",
    "Status",
    "Verdict",
]

PAGE = "docs/plugins.md"  # has a heading for every rule

Status = Literal["kept", "broken", "not applicable", "not decided"]


class BrokenRuleError(Exception):
    """A rule does not hold; the message is a clause that says what came instead.

    Attributes:
        cause: the error of the plugin's behind it, in one line; where there is none, the message.
    """

    def __init__(self, message: str, cause: str = "") -> None:
        """Tell what came, and of which error of the plugin's."""
        super().__init__(message)
        self.cause = cause or message


class NotApplicableError(Exception):
    """A rule says nothing about this subject; the message is a clause that says why."""


class NotDecidedError(Exception):
    """Time ran out before a rule was checked; the message is a clause that says when."""


@dataclass(frozen=True)
class Conditions:
    """Under which conditions rules are checked.

    Attributes:
        thorough: whether trials of methods go on to later search steps, and checks have all their
            time; otherwise they end after the first step, and have a fifth of it.
        slowness: how many times as long the machine takes as the one that limits were set on, at
            least 1; time limits are as many times as long.
    """

    thorough: bool = True
    slowness: float = 1.0

    def limit_of(self, thorough_s: float | None) -> float | None:
        """Return the seconds that a check may take here, of those of a thorough one there."""
        if thorough_s is None:
            return None
        return thorough_s * self.slowness * (1.0 if self.thorough else QUICK_SHARE)


QUICK_SHARE = 1 / 5


@dataclass(frozen=True)
class Rule:
    """One thing that the harness relies on.

    Attributes:
        name: lower-case words joined by hyphens, also the anchor of its paragraph in the docs.
        expects: a sentence that says what is expected.
        check: returns if it holds, and otherwise raises `BrokenRuleError` or `NotApplicableError`;
            whatever else it raises came from the plugin, and breaks the rule too.
        limit_s: how many seconds the check may take, where it is thorough and the machine is as
            fast as the one that limits were set on; None: as many as it wants.
    """

    name: str
    expects: str
    check: Callable[[Subject], None]
    limit_s: float | None = 300.0

    @property
    def read(self) -> str:
        """Where to read about it: a page and its anchor."""
        return f"{PAGE}#{self.name}"


@dataclass(frozen=True)
class Verdict:
    """The result of checking a rule.

    Attributes:
        rule: the rule's name.
        status: whether it was kept.
        expected: what the rule expects.
        came: what came instead, or why it does not apply or is not decided; empty where kept.
        cause: the same for all rules that one error of the plugin's breaks; empty where kept.
        read: a page and its anchor.
        seconds: how long the check took.
    """

    rule: str
    status: Status
    expected: str
    came: str
    cause: str
    read: str
    seconds: float
