"""Finds a suite by name or path, and puts what was asked for over what it says."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.errors import UnknownNameError, UsageError
from harness.experiment.suite import SuiteEntry, load_suite
from harness.plugins.loading import Plugins
from harness.plugins.targets import file_path

__all__ = ["entries_of", "find_suite"]


def entries_of(plugins: Plugins, suite: str | None, wanted: Mapping[str, Any]) -> list[SuiteEntry]:
    """Return the blocks of trials to run.

    Args:
        plugins: where suites have names.
        suite: a registered suite, or the path of a TOML file; None: one block of defaults.
        wanted: fields of `SuiteEntry` that replace the suite's in every block.

    Raises:
        UsageError: there is no such suite, or it is not well-formed.
    """
    blocks = [SuiteEntry()] if suite is None else load_suite(find_suite(plugins, suite)).trials
    return [SuiteEntry.model_validate({**block.model_dump(), **wanted}) for block in blocks]


def find_suite(plugins: Plugins, suite: str) -> Path:
    """Return the file of a suite that is named, or given as a path.

    Raises:
        UsageError: there is none.
    """
    if suite.endswith(".toml") or "/" in suite:
        if not Path(suite).is_file():
            raise UsageError(f"there is no suite file {suite}")
        return Path(suite)
    known = plugins.registry.names("suite")
    if suite not in known:
        raise UnknownNameError("suite", suite, known, " (a file's name ends in .toml)")
    return file_path(plugins.registry.get("suite", suite))
