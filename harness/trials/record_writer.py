"""The only writer of a run: it sends the results of trials to disk, to the screen and to plugins.

It works in the process that holds the run folder's lock, wherever the trials themselves are run.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, Protocol

from harness.executors.base import TrialDelivery
from harness.experiment.outcome import TimedOutcome
from harness.experiment.pretraining import Pretraining
from harness.experiment.trial import Trial
from harness.planning.run_directory import RunFolder
from harness.plugins.lifecycle import notify
from harness.plugins.loading import Plugins
from harness.pretraining.launcher import PretrainingListener
from harness.results.record import Record
from harness.results.run_files import EVALUATION_FILE, Evaluation
from harness.system.files import not_written, write_whole

__all__ = ["RecordWriter", "RunListener"]


class RunListener(PretrainingListener, Protocol):
    """Follows a run, to show its progress."""

    def started(self, trial: Trial) -> None:
        """Take note that a trial's process is about to start."""

    def progressed(self, trial: Trial, event: dict[str, Any]) -> None:
        """Take note that a search step is done."""

    def finished(self, trial: Trial, record: Record, *, resumed: bool) -> None:
        """Take note that a trial has its record; `resumed`: an earlier run had written it."""


class SilentListener(RunListener):
    """Follows a run and shows nothing."""

    def pretraining_started(self, pretraining: Pretraining, done: int) -> None:
        """Pass over it."""

    def pretraining_progressed(self, pretraining: Pretraining, event: dict[str, Any]) -> None:
        """Pass over it."""

    def said(self, sentence: str) -> None:
        """Pass over it."""

    def started(self, trial: Trial) -> None:
        """Pass over it."""

    def progressed(self, trial: Trial, event: dict[str, Any]) -> None:
        """Pass over it."""

    def finished(self, trial: Trial, record: Record, *, resumed: bool) -> None:
        """Pass over it."""


class RecordWriter:
    """Writes into a run folder that the caller has locked; no record is written twice.

    Every method raises RunFolderError if the disk refuses; finished records stay whole.
    """

    def __init__(self, plugins: Plugins, folder: RunFolder, listener: RunListener) -> None:
        """Prepare to write; nothing is written yet."""
        self._plugins, self._folder, self._listener = plugins, folder, listener
        self._steps: dict[str, IO[str]] = {}  # open files, by the key of their trial

    def log_of(self, trial: Trial) -> Path:
        """Return the file that a trial's output goes to."""
        return self._folder.trial_path(trial) / "log.txt"

    def begin(self, trial: Trial, *, runs_here: bool = False) -> None:
        """Make the trial's folder, and announce its start.

        Args:
            trial: the one that starts.
            runs_here: whether its steps will come one by one, see `add_step`.
        """
        self._folder.begin(trial)
        if runs_here:
            path = self._steps_path(trial)
            with not_written(path):
                self._steps[trial.key] = path.open("w", encoding="utf-8")
        self._listener.started(trial)
        notify(self._plugins.manager, "harness_trial_started", trial=trial)

    def add_step(self, trial: Trial, event: dict[str, Any]) -> None:
        """Write a step that was done on this machine, and announce it."""
        with not_written(self._steps_path(trial)):
            self._steps[trial.key].write(_line(event))
        self._listener.progressed(trial, event)
        self._tell_step(trial, event)

    def add_evaluations(
        self, trial: Trial, evaluations: Sequence[Evaluation], costs: Sequence[str], log: str
    ) -> None:
        """Write all evaluations of a black-box search, and its log if there is one.

        Args:
            trial: the search.
            evaluations: in order.
            costs: the columns of their `costs`.
            log: what the search printed.
        """
        path = self._folder.trial_path(trial) / EVALUATION_FILE
        with not_written(path):
            with path.open("w", encoding="utf-8", newline="") as file:
                rows = csv.writer(file, lineterminator="\n")
                rows.writerow((*Evaluation._fields[:-1], *costs))
                rows.writerows((*told, *costs_told) for *told, costs_told in evaluations)
            if log:
                self.log_of(trial).write_text(log, encoding="utf-8", errors="backslashreplace")

    def finish(self, trial: Trial, timed: TimedOutcome) -> Record:
        """Write the record, last of all; a final one that is there already stays, and is returned.

        Raises:
            RunFolderError: the disk refuses; there is then no record of this trial.
        """
        if trial.key in self._steps:
            with not_written(self._steps_path(trial)):
                self._steps.pop(trial.key).close()
        if isinstance(timed, TrialDelivery):
            self._unpack(trial, timed)
        record = self._folder.finished(trial)
        if record is not None:
            return record
        record = Record.of(
            trial,
            timed.outcome,
            wall_s=timed.wall_s,
            started_at=timed.started_at,
            ended_at=timed.ended_at,
        )
        self._folder.finish(trial, timed.outcome, record)
        self._listener.finished(trial, record, resumed=False)
        notify(self._plugins.manager, "harness_trial_finished", trial=trial, record=record)
        return record

    def close(self) -> None:
        """Close the files of trials that have not finished."""
        for file in self._steps.values():
            with suppress(OSError):  # another error has ended the run, and is reported
                file.close()
        self._steps.clear()

    def _unpack(self, trial: Trial, delivery: TrialDelivery) -> None:
        """Write the steps and the log that came from the machine that ran the trial."""
        rows = [row.model_dump() for row in delivery.steps]
        write_whole(self._steps_path(trial), "".join(map(_line, rows)))
        write_whole(self.log_of(trial), delivery.log)
        for row in rows:
            self._tell_step(trial, {"event": "step", **row})

    def _steps_path(self, trial: Trial) -> Path:
        return self._folder.trial_path(trial) / "steps.jsonl"

    def _tell_step(self, trial: Trial, event: dict[str, Any]) -> None:
        notify(self._plugins.manager, "harness_trial_progress", trial=trial, event=event)


def _line(event: Mapping[str, Any]) -> str:
    return json.dumps({key: value for key, value in event.items() if key != "event"}) + "\n"
