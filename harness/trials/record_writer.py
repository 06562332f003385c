"""The one writer of a run: what trials leave goes to disk, to the screen and to plugins from here.

It works in the process that holds the run folder's lock, wherever the trials themselves are run.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from harness.experiment.trial import Trial
from harness.planning.run_directory import RunFolder
from harness.plugins.lifecycle import notify
from harness.plugins.loading import Plugins
from harness.pretraining.launcher import PretrainingListener
from harness.results.record import Record
from harness.runtime.files import not_written, write_whole
from harness.trials.timed_outcome import Ending

__all__ = ["Listener", "RecordWriter", "StepRow"]

StepRow = Mapping[str, Any]


class Listener(PretrainingListener, Protocol):
    """Is told what happens, for progress on a screen."""

    def started(self, trial: Trial) -> None:
        """A trial's process is about to start."""

    def progressed(self, trial: Trial, event: dict[str, Any]) -> None:
        """A search step is done."""

    def finished(self, trial: Trial, record: Record, *, resumed: bool) -> None:
        """A trial has its record; `resumed`: it already had."""


class RecordWriter:
    """Writes into a run folder that is locked by the caller; no trial's record twice.

    Every method raises RunFolderError where the disk refuses; finished records stay whole.
    """

    def __init__(self, plugins: Plugins, folder: RunFolder, listener: Listener) -> None:
        """Write nothing yet."""
        self._plugins, self._folder, self._listener = plugins, folder, listener

    def begin(self, trial: Trial) -> Path:
        """Make the trial's folder, and tell that it starts; return the folder."""
        path = self._folder.begin(trial)
        self._listener.started(trial)
        notify(self._plugins.manager, "harness_trial_started", trial=trial)
        return path

    @contextmanager
    def steps(self, trial: Trial) -> Iterator[Callable[[dict[str, Any]], None]]:
        """Write steps as they come: each call adds one to the file, and tells of it."""
        path = self._folder.trial_path(trial) / "steps.jsonl"
        with not_written(path):
            file = path.open("w", encoding="utf-8")

        def on_event(event: dict[str, Any]) -> None:
            with not_written(path):
                file.write(_line(event))
            self._listener.progressed(trial, event)
            self._tell_step(trial, event)

        try:
            yield on_event
        finally:
            with not_written(path):
                file.close()

    def bring_home(self, trial: Trial, steps: Iterable[StepRow], log: str) -> None:
        """Write at once what a trial has left on the machine that ran it."""
        path, rows = self._folder.trial_path(trial), [dict(row) for row in steps]
        write_whole(path / "steps.jsonl", "".join(map(_line, rows)))
        write_whole(path / "log.txt", log)
        for row in rows:
            self._tell_step(trial, {"event": "step", **row})

    def finish(self, trial: Trial, ending: Ending) -> Record:
        """Write the record, last of all; a final one that is there already stays, and is returned.

        Raises:
            RunFolderError: the disk refuses; there is then no record of this trial.
        """
        record = self._folder.finished(trial)
        if record is not None:
            return record
        record = Record.of(
            trial,
            ending.outcome,
            wall_s=ending.wall_s,
            started_at=ending.started_at,
            ended_at=ending.ended_at,
        )
        self._folder.finish(trial, ending.outcome, record)
        self._listener.finished(trial, record, resumed=False)
        notify(self._plugins.manager, "harness_trial_finished", trial=trial, record=record)
        return record

    def _tell_step(self, trial: Trial, event: dict[str, Any]) -> None:
        notify(self._plugins.manager, "harness_trial_progress", trial=trial, event=event)


def _line(event: StepRow) -> str:
    return json.dumps({key: value for key, value in event.items() if key != "event"}) + "\n"
