"""Trials of black-box searches that a table answers: one after another, in this process.

Each takes a fraction of a second, so that a process of its own would cost more than the search.
Nothing is trained: memory and time of training are missing, and what the table says is marked.
"""

from __future__ import annotations

import time
import traceback
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.contracts import (
    ArchitectureSpace,
    ArchitectureTable,
    BlackBoxSearch,
    CountsCost,
    SearchTask,
)
from harness.environment import describe_environment
from harness.executors.base import TimedOutcome, TrialClock
from harness.experiment.trial import SpaceIdentity, Trial
from harness.metrics import METRICS, Source
from harness.planning.fitting import as_table
from harness.plugins.loading import Plugins
from harness.plugins.selection import recreate
from harness.results.outcome import Metric, Outcome, TaskResult, TrialError, Used
from harness.results.run_files import Evaluation
from harness.runtime.factory import open_dataset
from harness.runtime.job import TrialJob
from harness.runtime.seeding import seed_for

__all__ = ["TabularTrial", "TabularTrials"]


class TabularTrial(NamedTuple):
    """How a trial ended, what it asked, and what its search printed."""

    timed: TimedOutcome
    evaluations: list[Evaluation]
    log: str


@dataclass
class TabularTrials:
    """Runs trials; each table is read once, each space made once."""

    plugins: Plugins
    data_root: Path | None
    cache_root: Path
    _tables: dict[str, ArchitectureTable] = field(default_factory=dict)
    _spaces: dict[str, ArchitectureSpace] = field(default_factory=dict)

    def run(self, trial: Trial) -> TabularTrial:
        """Run a trial; whatever its search raises is an outcome."""
        clock, log, asked = TrialClock(), StringIO(), _Questions(trial)
        with redirect_stdout(log), redirect_stderr(log):
            try:
                outcome = self._search(trial, asked)
            except Exception as error:
                traceback.print_exc()
                outcome = _failed(asked, error)
        outcome.environment = describe_environment()
        return TabularTrial(clock.timed(outcome), asked.evaluations, log.getvalue())

    def _search(self, trial: Trial, asked: _Questions) -> Outcome:
        table, space = self._table(trial), self._space(trial.space)
        search: BlackBoxSearch = recreate(
            self.plugins, "search", trial.method.name, trial.method.params
        ).create()
        asked.go_through(search, space, table)
        return _concluded(asked, space, table)

    def _table(self, trial: Trial) -> ArchitectureTable:
        label = trial.dataset.label
        if label not in self._tables:
            job = TrialJob(trial=trial, data_root=self.data_root, cache_root=self.cache_root)
            table = open_dataset(self.plugins, trial.dataset, job)
            self._tables[label] = as_table(table, label)
        return self._tables[label]

    def _space(self, identity: SpaceIdentity) -> ArchitectureSpace:
        if identity.name not in self._spaces:
            space = recreate(self.plugins, "space", identity.name, {}).create()
            if SpaceIdentity.of(space) != identity:
                raise RuntimeError(f"the search space '{identity.name}' has changed since planning")
            self._spaces[identity.name] = space
        return self._spaces[identity.name]


class _Questions:
    """The questions of one trial, within its budget, and the best answer so far."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.evaluations: list[Evaluation] = []
        self.best: Evaluation | None = None
        self.is_over_budget = False
        self.seconds = 0.0  # of the search itself and of looking up

    def go_through(
        self, search: BlackBoxSearch, space: ArchitectureSpace, table: ArchitectureTable
    ) -> None:
        """Ask and tell until the budget is used up."""
        budget, started = self._trial.budget, time.perf_counter()
        count = budget.evaluations or 0
        random = np.random.default_rng(seed_for(self._trial.seed, "search"))
        search.start(SearchTask(space, count, random))
        for number in range(count):
            architecture = space.check(search.ask())
            accuracy = table.accuracy(architecture)
            self._note(Evaluation(number, architecture, accuracy))
            search.tell(architecture, accuracy)
            self.seconds = time.perf_counter() - started
            if budget.wall_clock_s is not None and self.seconds > budget.wall_clock_s:
                self.is_over_budget = number + 1 < count
                return

    def _note(self, evaluation: Evaluation) -> None:
        self.evaluations.append(evaluation)
        if self.best is None or evaluation.accuracy > self.best.accuracy:
            self.best = evaluation


def _concluded(asked: _Questions, space: ArchitectureSpace, table: ArchitectureTable) -> Outcome:
    outcome = Outcome(status="ok", used=_used(asked), method_s=asked.seconds)
    if asked.is_over_budget:
        outcome.status = "over_budget"
        outcome.error = TrialError(
            type="BudgetExceededError",
            message="the budget's wall_clock_s is used up",
            stage="search",
        )
    best = asked.best
    if best is None:
        return outcome
    regret = table.best - best.accuracy
    told: dict[str, tuple[float | None, Source]] = {
        "peak_memory": (None, "tabular"),
        "storage": (None, "tabular"),
        "search_time": (None, "tabular"),
        "accuracy": (best.accuracy, "tabular"),
        "regret": (regret, "tabular"),
    }
    if isinstance(space, CountsCost):
        cost = space.cost(best.architecture, table.image_shape, table.classes)
        told["flops"] = cost.flops / 1e6, "predicted"
        told["parameters"] = cost.parameters / 1e6, "predicted"
    outcome.metrics = {
        name: Metric(value=value, unit=METRICS[name].unit, source=source)
        for name, (value, source) in told.items()
    }
    outcome.architectures = [{"space": space.name, "architecture": best.architecture}]
    outcome.tasks = [
        TaskResult(
            index=0,
            accuracy=best.accuracy,
            search_s=asked.seconds,
            peak_memory_bytes=None,
            metrics={"regret": regret},
        )
    ]
    return outcome


def _failed(asked: _Questions, error: Exception) -> Outcome:
    message = str(error) or type(error).__name__
    where = f" (evaluation {len(asked.evaluations) + 1})"
    return Outcome(
        status="error",
        used=_used(asked),
        error=TrialError(type=type(error).__name__, message=message + where, stage="search"),
        method_s=asked.seconds,
    )


def _used(asked: _Questions) -> Used:
    return Used(evaluations=len(asked.evaluations), tasks=1)
