"""Runs trials of black-box searches on a table, one after another, in this process.

Each takes a fraction of a second, so a process of its own would cost more than the search. Nothing
is trained: memory and time of training are missing, and numbers from the table are marked. Where a
search evaluates by a zero-cost score, the table gives only the accuracy of the result; memory and
time are then those of the evaluations.
"""

from __future__ import annotations

import math
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field, replace
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import numpy as np

from harness.contracts import (
    ArchitectureSpace,
    ArchitectureTable,
    BlackBoxSearch,
    BuildsNetwork,
    CountsCost,
    DataRequest,
    FrontSearch,
    SearchTask,
)
from harness.environment import describe_environment
from harness.errors import UsageError
from harness.experiment.objective import Objective
from harness.experiment.outcome import (
    FrontPoint,
    Metric,
    Outcome,
    TaskResult,
    TimedOutcome,
    TrialClock,
    TrialError,
    Used,
)
from harness.experiment.setting import TabularSetting
from harness.experiment.trial import SpaceIdentity, Trial
from harness.metrics import METRICS, MIB, Source
from harness.planning.fitting import as_table
from harness.plugins.loading import Plugins
from harness.plugins.selection import Selection, recreate, select
from harness.plugins.spaces import find_score, score_of
from harness.results.run_files import Evaluation
from harness.runtime.determinism import seed_for
from harness.runtime.factory import open_dataset
from harness.runtime.job import TrialJob
from harness.search.parameters import TableEvaluator
from harness.trials.answers import Answer, Judge, Scorer

__all__ = ["TabularTrial", "TabularTrials"]


class TabularTrial(NamedTuple):
    """How a trial ended, its evaluations, and what its search printed."""

    timed: TimedOutcome
    evaluations: list[Evaluation]
    costs: tuple[str, ...]  # what of each architecture was looked up beside its accuracy
    log: str


@dataclass
class TabularTrials:
    """Runs trials; tables, spaces and judges are shared by trials that need the same."""

    plugins: Plugins
    data_root: Path | None
    cache_root: Path
    _tables: dict[str, ArchitectureTable] = field(default_factory=dict)
    _spaces: dict[str, ArchitectureSpace] = field(default_factory=dict)
    _judges: dict[tuple[str, str], Judge] = field(default_factory=dict)

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
        columns = _objective(trial).costs if asked.evaluate is None else ("score",)
        return TabularTrial(clock.timed(outcome), asked.evaluations, columns, log.getvalue())

    def _search(self, trial: Trial, asked: _Questions) -> Outcome:
        judge = self._judge(trial)
        if judge.best is None:
            raise UsageError(f"no architecture of the table keeps to {judge.objective}")
        selection = recreate(self.plugins, "search", trial.method.name, trial.method.params)
        scorer = self._evaluator(trial, selection, judge, asked)
        asked.go_through(selection.create(), judge)
        return _concluded(asked, judge, scorer)

    def _evaluator(
        self, trial: Trial, selection: Selection, judge: Judge, asked: _Questions
    ) -> Scorer | None:
        """Have a score answer, if the search has one; return its scorer, if that needs images.

        Raises:
            RuntimeError: its images have changed since the run was planned.
        """
        score, given = score_of(self.plugins, selection), selection.parameters
        if score is None or not isinstance(given, TableEvaluator):
            return None
        space, table = judge.space, judge.table
        if not trial.dataset.images and isinstance(space, CountsCost):

            def count(architecture: str) -> float:
                cost = space.cost(architecture, table.image_shape, table.classes)
                return float(getattr(cost, given.evaluator))

            asked.evaluate = count
            return None
        from harness.scores.zero_cost import training_batch  # noqa: PLC0415 - imports torch

        (images,) = select(self.plugins, "dataset", given.images)
        dataset = images.create().prepare(DataRequest(self.data_root, self.cache_root, print))
        if dataset.fingerprint != trial.dataset.images:
            raise RuntimeError(f"data set '{given.images}' has changed since the run was planned")
        assert isinstance(space, BuildsNetwork)  # noqa: S101 - checked in planning
        scorer = Scorer(
            score=find_score(self.plugins, given.evaluator),
            space=space,
            batch=training_batch(dataset, given.batch, trial.seed),
            classes=table.classes,
            seed=trial.seed,
        )
        asked.evaluate = scorer.value
        return scorer

    def _judge(self, trial: Trial) -> Judge:
        objective = _objective(trial)
        key = trial.dataset.label, objective.model_dump_json()
        if key not in self._judges:
            self._judges[key] = Judge(objective, self._table(trial), self._space(trial.space))
        return self._judges[key]

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


def _objective(trial: Trial) -> Objective:
    return trial.setting.objective if isinstance(trial.setting, TabularSetting) else Objective()


class _Questions:
    """The questions of one trial, within its budget, and the best answer so far."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.answers: list[Answer] = []
        self.best: Answer | None = None  # of those that keep the limits
        self.evaluate: Callable[[str], float] | None = None  # the score; None: the table answers
        self.scores: list[float] = []  # what `evaluate` returned
        self.is_over_budget = False
        self.seconds = 0.0  # of the search itself and of looking up

    @property
    def evaluations(self) -> list[Evaluation]:
        """The questions as rows; the accuracies are the table's, also where a score answered."""
        return [
            Evaluation(number, each.architecture, each.accuracy, beside)
            for number, (each, beside) in enumerate(zip(self.answers, self._beside, strict=False))
        ]

    @property
    def _beside(self) -> list[tuple[float, ...]]:
        """What stands beside the accuracies: the scores, or the costs."""
        if self.evaluate is not None:
            return [(score,) for score in self.scores]
        return [tuple(each.costs.values()) for each in self.answers]

    def go_through(self, search: BlackBoxSearch, judge: Judge) -> None:
        """Ask and tell until the budget is used up."""
        budget, started = self._trial.budget, time.perf_counter()
        count = budget.evaluations or 0
        random = np.random.default_rng(seed_for(self._trial.seed, "search"))
        objectives = 1 + len(judge.objective.front)
        search.start(SearchTask(judge.space, count, random, objectives))
        for number in range(count):
            answer = judge.answer(judge.space.check(search.ask()))
            if self.evaluate is not None:
                self._note_score(answer, self.evaluate(answer.architecture))
                search.tell(answer.architecture, self.scores[-1])
            elif isinstance(search, FrontSearch):
                self._note(answer)
                search.tell_losses(answer.architecture, judge.losses(answer), answer.excess)
            else:
                self._note(answer)
                search.tell(answer.architecture, answer.told)
            self.seconds = time.perf_counter() - started
            if budget.wall_clock_s is not None and self.seconds > budget.wall_clock_s:
                self.is_over_budget = number + 1 < count
                return

    def _note(self, answer: Answer) -> None:
        self.answers.append(answer)
        if not answer.excess and (self.best is None or answer.value > self.best.value):
            self.best = answer

    def _note_score(self, answer: Answer, score: float) -> None:
        self.answers.append(answer)
        if score > max(self.scores, default=-math.inf) or self.best is None:
            self.best = answer
        self.scores.append(score)


def _concluded(asked: _Questions, judge: Judge, scorer: Scorer | None) -> Outcome:
    outcome = Outcome(status="ok", used=_used(asked), method_s=asked.seconds)
    if asked.is_over_budget:
        outcome.status = "over_budget"
        outcome.error = TrialError(
            type="BudgetExceededError",
            message="the budget's wall_clock_s is used up",
            stage="search",
        )
    if judge.objective.front:
        front = judge.front(asked.answers)
        outcome.front, outcome.table_front = _points(front), _points(judge.table_front)
        outcome.metrics["hypervolume"] = _metric("hypervolume", judge.hypervolume(front))
    if asked.best is not None:
        _add_best(outcome, asked.best, judge, asked.seconds)
    if scorer is not None:
        peak = scorer.peak_bytes
        outcome.metrics["peak_memory"] = Metric(value=peak / MIB, unit="MiB", source="measured")
        outcome.metrics["search_time"] = Metric(value=asked.seconds, unit="s", source="measured")
        outcome.tasks = [replace(task, peak_memory_bytes=peak) for task in outcome.tasks]
    return outcome


def _points(front: Sequence[Answer]) -> list[FrontPoint]:
    return [
        FrontPoint(architecture=each.architecture, accuracy=each.accuracy, costs=each.costs)
        for each in front
    ]


def _add_best(outcome: Outcome, best: Answer, judge: Judge, seconds: float) -> None:
    """Add the best architecture to the outcome, with its metrics and costs."""
    regret = None if judge.best is None else judge.best - best.value
    told = {"peak_memory": None, "storage": None, "search_time": None, "accuracy": best.accuracy}
    told |= {"regret": regret} | ({"reward": best.value} if judge.objective.weight else {})
    outcome.metrics = {name: _metric(name, value) for name, value in told.items()} | outcome.metrics
    for cost, value in judge.all_costs(best.architecture).items():
        outcome.metrics[cost] = _metric(cost, value, counted=cost != "latency")
    outcome.architectures = [{"space": judge.space.name, "architecture": best.architecture}]
    outcome.tasks = [
        TaskResult(
            index=0,
            accuracy=best.accuracy,
            search_s=seconds,
            peak_memory_bytes=None,
            metrics={} if regret is None else {"regret": regret},
        )
    ]


def _metric(name: str, value: float | None, *, counted: bool = False) -> Metric:
    source: Source = "predicted" if counted else "tabular"
    return Metric(value=value, unit=METRICS[name].unit, source=source)


def _failed(asked: _Questions, error: Exception) -> Outcome:
    message = str(error) or type(error).__name__
    where = f" (evaluation {len(asked.answers) + 1})"
    return Outcome(
        status="error",
        used=_used(asked),
        error=TrialError(type=type(error).__name__, message=message + where, stage="search"),
        method_s=asked.seconds,
    )


def _used(asked: _Questions) -> Used:
    return Used(evaluations=len(asked.answers), tasks=1)
