"""What is asked for in one object, and the trials that it comes to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.contracts import DataRequest
from harness.experiment.suite import SuiteEntry
from harness.experiment.trial import Trial
from harness.planning.planner import ModeOf, Planner
from harness.planning.run_directory import Origin
from harness.planning.suites import entries_of, read_dataset_map, with_stand_ins
from harness.plugins.loading import Plugins
from harness.system.folders import user_cache

__all__ = ["PlanRequest", "PlannedRun", "ResolvedRequest"]


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """What a person asks for; nothing of it has been looked up.

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
    """Blocks of trials, whose names have not been looked up."""

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
