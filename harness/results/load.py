"""Loads what runs, estimates and benchmarks have left in folders, and names what cannot be read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.experiment.outcome import FINAL_STATUSES
from harness.metrics import METRICS, MetricSpec
from harness.results.costs import (
    BENCH_FILE,
    BENCH_SCHEMA,
    ESTIMATE_FILE,
    ESTIMATE_SCHEMA,
    SavedBench,
    SavedEstimate,
)
from harness.results.reading import (
    UnreadableFileError,
    leaves,
    read_model,
    without_garbage_collection,
)
from harness.results.record import SCHEMA, Record
from harness.results.results import FoundEstimate, FoundTrial, Problem, Results
from harness.results.run_files import PLAN_FILE, PLAN_SCHEMA, Plan
from harness.system.text import is_leftover

__all__ = ["load_results"]

LEVELS = 2  # below a folder that is named: `results` holds `claims/METHOD` and `reference/NAME`


def load_results(paths: Sequence[Path], metrics: Mapping[str, MetricSpec] = METRICS) -> Results:
    """Read run folders, estimates, and folders that hold some, themselves or in a folder of theirs.

    A record that is missing, malformed, foreign, of a newer version or behind a link out of the
    folder that was named becomes a problem; all others are collected all the same.

    Args:
        paths: the folders.
        metrics: the table of metrics; `Plugins.metrics` has it with those of plugins.

    Raises:
        UsageError: a path is not a folder, or holds nothing that a run or an estimate leaves.
    """
    finder = _Finder(metrics)
    with without_garbage_collection():
        for path in paths:
            _search(finder, path)
    return finder.results()


def _search(finder: _Finder, path: Path) -> None:
    if not path.is_dir():
        raise UsageError(f"{path} {'is not a folder' if path.exists() else 'does not exist'}")
    if not finder.search(path, path) and not finder.search_below(path, path):
        raise UsageError(
            f"{path} holds no run and no estimate; give a folder that `harness run` or "
            "`harness estimate --output` has left, or one that holds such folders"
        )


@dataclass
class _Finder:
    metrics: Mapping[str, MetricSpec]
    trials: dict[str, FoundTrial] = field(default_factory=dict)  # by trial key
    estimates: list[FoundEstimate] = field(default_factory=list)
    benches: list[SavedBench] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    suites: list[str] = field(default_factory=list)
    stand_ins: dict[str, str] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)
    planned: set[str] = field(default_factory=set)

    def results(self) -> Results:
        return Results(
            trials=tuple(self.trials.values()),
            estimates=tuple({found.path.resolve(): found for found in self.estimates}.values()),
            problems=tuple(dict.fromkeys(self.problems)),
            suites=tuple(dict.fromkeys(self.suites)),
            stand_ins=self.stand_ins,
            pending=len(self.planned - set(self.trials)),
            passed_over=self.passed_over,
            benches=tuple(self.benches),
            metrics=self.metrics,
        )

    def search(self, folder: Path, root: Path) -> bool:
        """Read a folder if a run, an estimate or a benchmark is in it; say whether one was."""
        is_run = (folder / PLAN_FILE).exists() or (folder / "trials").is_dir()
        if is_run:
            self._read_run(folder, root)
        is_estimate = (folder / ESTIMATE_FILE).exists()
        if is_estimate:
            self._guarded(folder / ESTIMATE_FILE, lambda path: self._read_estimate(path, root))
        is_bench = (folder / BENCH_FILE).exists()
        if is_bench:
            self._guarded(folder / BENCH_FILE, lambda path: self._read_bench(path, root))
        return is_run or is_estimate or is_bench

    def search_below(self, parent: Path, root: Path, levels: int = LEVELS) -> bool:
        """Read the run folders within a folder, or within one of its folders that is none itself.

        Files beside them are ignored. Says whether there was one.
        """
        found = False
        for folder in _entries(parent):
            if not folder.is_dir():
                continue
            if leaves(folder, root):
                self.problems.append(Problem(folder, "it is a link out of the folder"))
            elif self.search(folder, root) or (levels > 1 and self._search_deeper(folder, root)):
                found = True
            else:
                self.problems.append(Problem(folder, "it holds no run and no estimate"))
        return found

    def _search_deeper(self, folder: Path, root: Path) -> bool:
        """Read the run folders of a folder that is none; without any, leave no problem of it."""
        before = len(self.problems)
        try:
            if self.search_below(folder, root, levels=1):
                return True
        except UsageError:  # it may not be listed
            pass
        del self.problems[before:]
        return False

    def _read_run(self, folder: Path, root: Path) -> None:
        plan = self._guarded(folder / PLAN_FILE, lambda path: self._read_plan(path, root))
        plan = plan or Plan(trials=[])
        trials = folder / "trials"
        if not trials.is_dir():
            return
        if leaves(trials, root):
            self.problems.append(Problem(trials, "it is a link out of the folder"))
            return
        places = {trial.folder: place for place, trial in enumerate(plan.trials)}
        for path in sorted(_entries(trials), key=lambda path: places.get(path.name, len(places))):
            if path.name in plan.superseded:
                continue
            self._guarded(path, lambda path: self._read_trial(path, root, tuple(plan.suites)))

    def _read_plan(self, path: Path, root: Path) -> Plan:
        """Take in a plan."""
        plan = read_model(path, root, Plan, PLAN_SCHEMA)
        self.stand_ins |= plan.stand_ins
        self.passed_over |= plan.passed_over
        self.planned |= {trial.trial_key for trial in plan.trials}
        self.suites += plan.suites
        return plan

    def _read_trial(self, folder: Path, root: Path, suites: tuple[str, ...]) -> None:
        if not folder.is_dir():
            raise UnreadableFileError("it is not the folder of a trial")
        if leaves(folder, root):
            raise UnreadableFileError("it is a link out of the folder")
        path = folder / "record.json"
        if not path.exists():
            raise UnreadableFileError(
                "it has no record: its trial is still running, or was interrupted"
            )
        record = self._guarded(path, lambda path: read_model(path, root, Record, SCHEMA))
        if record is None:
            return
        known = self.trials.get(record.trial_key)
        if known is None or known.record.status not in FINAL_STATUSES:
            self.trials[record.trial_key] = FoundTrial(folder, record, suites)

    def _read_estimate(self, path: Path, root: Path) -> None:
        saved = read_model(path, root, SavedEstimate, ESTIMATE_SCHEMA)
        self.estimates.append(FoundEstimate(path, saved.rows, saved.suite))
        self.suites += [saved.suite] if saved.suite is not None else []
        self.stand_ins |= {label: name for name, label in saved.dataset_map.items()}

    def _read_bench(self, path: Path, root: Path) -> None:
        self.benches.append(read_model(path, root, SavedBench, BENCH_SCHEMA))

    def _guarded(self, path: Path, read: Callable[[Path], Any]) -> Any:
        """Read a file; if it cannot be read, note a problem and return None."""
        try:
            return read(path)
        except UnreadableFileError as error:
            self.problems.append(Problem(path, str(error)))
            return None


def _entries(folder: Path) -> Iterator[Path]:
    """Name what is in a folder in order, without what systems leave there, such as `.DS_Store`."""
    try:
        yield from sorted(path for path in folder.iterdir() if not is_leftover(path.name))
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror or error}") from None
