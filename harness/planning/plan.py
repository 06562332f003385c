"""Requests: what a person asks to run, by options or by a suite, and the trials that it means."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.contracts import DataRequest
from harness.errors import UnknownNameError, UsageError
from harness.experiment.suite import SuiteEntry, load_suite
from harness.experiment.trial import Trial
from harness.planning.planner import ModeOf, Planner
from harness.planning.run_directory import Origin
from harness.plugins.loading import Plugins
from harness.plugins.registry import ALL
from harness.plugins.selection import select
from harness.plugins.targets import file_path
from harness.system.folders import expanded, user_cache
from harness.system.text import BRACKETS

__all__ = [
    "PlanRequest",
    "PlannedRun",
    "ResolvedRequest",
    "entries_of",
    "find_suite",
    "read_dataset_map",
    "with_stand_ins",
]

# A name may have parameters, whose `=` does not separate the pair.
_PAIR = re.compile(
    rf"\s* (?P<name> [^\[\]=\s]+ (?: {BRACKETS} )? ) \s*=\s* (?P<stand_in> \S.*? ) \s*",
    re.DOTALL | re.VERBOSE,
)


def entries_of(plugins: Plugins, suite: str | None, wanted: Mapping[str, Any]) -> list[SuiteEntry]:
    """Return the blocks of trials to run.

    Args:
        plugins: where suites have names.
        suite: a registered suite, or the path of a TOML file; None: one block of defaults.
        wanted: fields of `SuiteEntry` that replace the suite's in every block.

    Raises:
        UsageError: the suite does not exist or is malformed.
    """
    blocks = [SuiteEntry()] if suite is None else load_suite(find_suite(plugins, suite)).trials
    return [SuiteEntry.model_validate({**block.model_dump(), **wanted}) for block in blocks]


def find_suite(plugins: Plugins, suite: str) -> Path:
    """Return the file of a suite that is named, or given as a path.

    Raises:
        UsageError: there is none.
    """
    if suite.lower().endswith(".toml") or "/" in suite:
        path = expanded(Path(suite))
        if not path.is_file():
            raise UsageError(f"there is no suite file {suite}")
        return path
    known = plugins.registry.names("suite")
    if suite not in known:
        raise UnknownNameError("suite", suite, known, " (a file's name ends in .toml)")
    return file_path(plugins.registry.get("suite", suite))


def read_dataset_map(plugins: Plugins, texts: Iterable[str]) -> dict[str, str]:
    """Read pairs `NAME=DATASET` into the label of what stands in for each name.

    Raises:
        UsageError: one is not such a pair, does not name a data set, or repeats a name.
    """
    found: dict[str, str] = {}
    for text in texts:
        pair = _PAIR.fullmatch(text)
        if pair is None or pair["stand_in"] == ALL:
            raise UsageError(
                f"dataset map '{text}' cannot be read; write NAME=DATASET, where NAME is as the "
                "suite has it, and DATASET one data set, with its parameters in brackets"
            )
        if pair["name"] in found:
            raise UsageError(f"dataset map '{text}': '{pair['name']}' is already replaced")
        (stand_in,) = select(plugins, "dataset", pair["stand_in"])
        found[pair["name"]] = stand_in.label
    return found


def with_stand_ins(
    entries: Sequence[SuiteEntry], dataset_map: Mapping[str, str]
) -> list[SuiteEntry]:
    """Return the entries with their data sets replaced.

    Raises:
        UnknownNameError: a name to replace is none of the entries' data sets.
    """
    named = {name for entry in entries for name in entry.datasets}
    for name in dataset_map:
        if name not in named:
            raise UnknownNameError("data set", name, named, " to stand in for")
    return [
        entry.model_copy(
            update={"datasets": [dataset_map.get(name, name) for name in entry.datasets]}
        )
        for entry in entries
    ]


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """What a person asks for, as it was given: no name has been looked up.

    Attributes:
        suite: the name of a suite, or a TOML file; None: `wanted` alone says what to run.
        wanted: fields of `SuiteEntry` that replace those of the suite.
        dataset_map: pairs NAME=DATASET; DATASET takes the place of the suite's NAME.
        data_root: folder that holds data sets.
        cache_root: folder of decoded images and checkpoints.
    """

    suite: str | None = None
    wanted: Mapping[str, Any] = field(default_factory=dict)
    dataset_map: Sequence[str] = ()
    data_root: Path | None = None
    cache_root: Path = field(default_factory=user_cache)

    def resolve(self, plugins: Plugins) -> ResolvedRequest:
        """Look up the suite, and put what is wanted in the place of what it says.

        Raises:
            UsageError: there is no such suite, or it or the data set map is malformed.
        """
        dataset_map = read_dataset_map(plugins, self.dataset_map)
        entries = with_stand_ins(entries_of(plugins, self.suite, self.wanted), dataset_map)
        return ResolvedRequest(plugins, self, entries, dataset_map)


@dataclass(frozen=True)
class ResolvedRequest:
    """A request whose suite was read: blocks of trials, in which names are still text."""

    plugins: Plugins
    request: PlanRequest
    entries: Sequence[SuiteEntry]
    dataset_map: Mapping[str, str]

    def plan(self, mode_of: ModeOf, say: Callable[[str], None]) -> PlannedRun:
        """Plan the trials; data sets are prepared for that.

        Args:
            mode_of: says what a device is where the trials will run.
            say: reports a sentence to the person, such as that a data set is being decoded.

        Raises:
            UsageError: something that was asked for is wrong; nothing was written.
            DataError: a data set is missing or damaged.
        """
        asked = self.request
        planner = Planner(
            self.plugins, DataRequest(asked.data_root, asked.cache_root, say), mode_of
        )
        trials = planner.trials(self.entries)
        return PlannedRun(
            trials, Origin(asked.suite, self.dataset_map, planner.passed_over), self._name
        )

    @property
    def _name(self) -> str:
        if self.request.suite:
            return Path(self.request.suite).stem
        return f"{self.entries[0].datasets[0]}-{self.entries[0].budget}"


@dataclass(frozen=True)
class PlannedRun:
    """Trials, where they came from, and what a person would call them."""

    trials: Sequence[Trial]
    origin: Origin
    name: str
