"""Finds a suite by name or path, and puts what was asked for in the place of what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import UnknownNameError, UsageError
from harness.experiment.suite import SuiteEntry, load_suite
from harness.plugins.loading import Plugins
from harness.plugins.registry import ALL
from harness.plugins.selection import select
from harness.plugins.targets import file_path
from harness.system.folders import expanded
from harness.system.names import BRACKETS

__all__ = ["entries_of", "find_suite", "read_dataset_map", "with_stand_ins"]


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


# A name may have parameters, whose `=` does not separate the pair.
_PAIR = re.compile(
    rf"\s* (?P<name> [^\[\]=\s]+ (?: {BRACKETS} )? ) \s*=\s* (?P<stand_in> \S.*? ) \s*",
    re.DOTALL | re.VERBOSE,
)


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
