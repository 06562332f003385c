"""Where planned trials came from, so that a report finds what was published of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Origin"]


@dataclass(frozen=True)
class Origin:
    """The suite that trials were planned from; no part of what defines them.

    Attributes:
        suite: its name or path, as it was given; None where options alone said what to run.
        dataset_map: for a data set of the suite, the label of the one that stands in for it.
        passed_over: methods that no trial was planned for, since a plugin is at fault, and why.
    """

    suite: str | None = None
    dataset_map: Mapping[str, str] = field(default_factory=dict)
    passed_over: Mapping[str, str] = field(default_factory=dict)
