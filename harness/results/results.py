"""Everything that was found in folders, as rows and as one long, tidy table."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.experiment.budget import budget_label
from harness.experiment.outcome import FINAL_STATUSES
from harness.fields import spelled
from harness.metrics import METRICS, MetricSpec
from harness.results.costs import EstimateRow, SavedBench
from harness.results.reading import one_line
from harness.results.record import Record
from harness.results.rows import Row, row_of_bench, rows_of_estimate
from harness.results.summary import mode_of, rows_of_records
from harness.space.spec import METANAS

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["FRAME_COLUMNS", "FoundEstimate", "FoundTrial", "Problem", "Results"]

FRAME_COLUMNS = (
    "method", "dataset", "setting", "device", "mode", "seed", "metric", "value", "unit", "source",
)  # fmt: skip


@dataclass(frozen=True)
class FoundTrial:
    """A record, the trial's folder that it lies in, and the suites that its run came from."""

    folder: Path
    record: Record
    suites: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundEstimate:
    """The rows of an `estimate.json`, and the suite that they were asked for by."""

    path: Path
    rows: tuple[EstimateRow, ...]
    suite: str | None


@dataclass(frozen=True)
class Problem:
    """A file or folder that is left out, and why: a clause that has `it` as subject."""

    path: Path
    reason: str

    def __str__(self) -> str:
        """Say it in one line that is safe to print."""
        return one_line(f"{self.path} is left out: {self.reason}", limit=1000)


@dataclass(frozen=True)
class Results:
    """Everything that was found.

    Attributes:
        trials: in the order of their plans, each trial key once; a final record is preferred to an
            interrupted one.
        suites: names or paths of the suites that runs and estimates came from, as they were given.
        stand_ins: for the label of a data set, the suite's data set that it took the place of.
        pending: how many planned trials have no record yet.
        passed_over: for a method that runs could not plan, what was wrong with its plugin.
        benches: the files of benchmarks.
        metrics: the table of metrics.
    """

    trials: tuple[FoundTrial, ...]
    estimates: tuple[FoundEstimate, ...]
    problems: tuple[Problem, ...]
    suites: tuple[str, ...]
    stand_ins: Mapping[str, str] = field(default_factory=dict)
    pending: int = 0
    passed_over: Mapping[str, str] = field(default_factory=dict)
    benches: tuple[SavedBench, ...] = ()
    metrics: Mapping[str, MetricSpec] = field(default_factory=lambda: METRICS)

    @property
    def records(self) -> list[Record]:
        """The records of all trials."""
        return [trial.record for trial in self.trials]

    @cached_property
    def counted(self) -> list[FoundTrial]:
        """The trials that count in rows: of each seed the newest, in their order."""
        counted = {id(record) for row in self.trial_rows for record in row.records}
        return [trial for trial in self.trials if id(trial.record) in counted]

    @property
    def counted_records(self) -> list[Record]:
        """The records of these trials."""
        return [trial.record for trial in self.counted]

    @cached_property
    def trial_rows(self) -> list[Row]:
        """The rows of all trials; those that failed are left out of means."""
        return rows_of_records(self.records, metrics=self.metrics)

    @cached_property
    def rows(self) -> list[Row]:
        """Every row, of trials first, then of estimates and benchmarks."""
        return [*self.trial_rows, *self._other_rows()]

    @cached_property
    def final_rows(self) -> list[Row]:
        """Every row without interrupted trials, as comparisons need it."""
        final = [record for record in self.records if record.status in FINAL_STATUSES]
        if len(final) == len(self.trials):
            return self.rows
        return [*rows_of_records(final, metrics=self.metrics), *self._other_rows()]

    @property
    def commands(self) -> list[str]:
        """Commands that run the same trials: one for each device, setting and budget."""
        return list(_commands(self.records))

    def frame(self) -> DataFrame:
        """Return the long table: a row for each number, its columns those of `FRAME_COLUMNS`.

        Numbers that were not captured are NaN. An estimate has no seed; a benchmark's value is the
        mean of its warm steps.
        """
        from pandas import DataFrame  # noqa: PLC0415 - slow, and only a frame needs it

        lines = [*self._of_records(), *(line for row in self._other_rows() for line in _long(row))]
        frame = DataFrame(lines, columns=list(FRAME_COLUMNS))
        return frame.astype({"value": "float64", "seed": "Int64"})

    def _repr_html_(self) -> str:
        """Show the long table in a notebook."""
        html: str = self.frame().to_html(max_rows=60, index=False)
        return html

    def _other_rows(self) -> Iterator[Row]:
        for found in self.estimates:
            for row in found.rows:
                yield from rows_of_estimate(row)
        for bench in self.benches:
            yield from (row_of_bench(row, bench.processor) for row in bench.rows)

    def _of_records(self) -> Iterator[tuple[Any, ...]]:
        for record in self.records:
            where = (record.device.name, mode_of(record), record.seed)
            place = (record.label, record.dataset.label, record.full_setting, *where)
            for name, metric in record.metrics.items():
                yield (*place, name, metric.value, metric.unit, metric.source)


def _long(row: Row) -> Iterator[tuple[Any, ...]]:
    place = (row.method, row.dataset, row.full_setting, row.device, row.mode, None)
    for name, value in row.values.items():
        yield (*place, name, value.value, value.metric.unit, value.source)


def _commands(records: Sequence[Record]) -> Iterator[str]:
    """Yield commands that together run each record's trial once, but for searches of tables."""
    ways: dict[tuple[str, ...], dict[str, list[int]]] = {}
    for record in records:
        # What starts from a checkpoint needs its file, of which a record knows the key alone.
        starts = bool(record.dataset.recipe.start)
        is_run = record.dataset.kind != "tabular" and record.dataset.split == "test"
        if is_run and not starts:
            ways.setdefault(_words(record), {}).setdefault(record.label, []).append(record.seed)
    for words, seeds in ways.items():
        alike: dict[str, list[str]] = {}
        for method, own in seeds.items():
            alike.setdefault(_seeds(own), []).append(method)
        for told, methods in alike.items():
            named = [word for method in methods for word in ("-m", method)]
            yield shlex.join(["harness", "run", *named, *words, "--seed", told])


def _words(record: Record) -> tuple[str, ...]:
    """Return the options for a record's device, data set, setting and budget."""
    data, device = record.dataset, record.device
    budget = budget_label(record.budget.allowed, data.kind)
    recipe = data.recipe.model_dump(exclude_defaults=True)
    told = {
        "-d": device.name,
        "--mode": "emulated" if device.mode == "emulated" else None,
        "--dataset": data.label,
        "--ways": data.ways,
        "--shots": data.shots,
        "--queries": data.queries,
        "--evaluation": None if data.evaluation == "inductive" else data.evaluation,
        "--recipe": ",".join(f"{key}={spelled(value)}" for key, value in recipe.items()) or None,
        "--space": None if record.space.name == METANAS.name else record.space.name,
        "--budget": None if budget == "default" else budget,
    }
    words = [w for key, each in told.items() if each is not None for w in (key, str(each))]
    peak = record.metrics.get("peak_memory")
    if record.status == "ok" and (peak is None or peak.value is None):
        words.append("--no-count-memory")
    if "shared_with_training" in record.environment:
        words.append("--allow-shared-classes")
    return tuple(words)


def _seeds(seeds: Sequence[int]) -> str:
    """Write seeds as `--seed` takes them: `0-2`, or `0,4`."""
    ordered = sorted(set(seeds))
    first, last = ordered[0], ordered[-1]
    if len(ordered) > 1 and ordered == list(range(first, last + 1)):
        return f"{first}-{last}"
    return ",".join(map(str, ordered))
