"""Runs planned trials one by one and leaves a record of each."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Protocol

from harness.experiment.record import Outcome, Record, TrialError
from harness.experiment.trial import Trial
from harness.plugins.lifecycle import notify
from harness.plugins.loading import Plugins
from harness.runner.job import TrialJob
from harness.runner.offline import OfflineStage, PretrainingFailedError, PretrainingListener
from harness.runner.process import TrialProcesses
from harness.runner.run_folder import RunFolder

__all__ = ["Listener", "RunResult", "Runner"]

Event = dict[str, Any]


class Listener(PretrainingListener, Protocol):
    """Is told what happens, for progress on a screen."""

    def started(self, trial: Trial) -> None:
        """A trial's process is about to start."""

    def progressed(self, trial: Trial, event: Event) -> None:
        """A search step is done."""

    def finished(self, trial: Trial, record: Record, *, resumed: bool) -> None:
        """A trial has its record; `resumed`: it already had."""


@dataclass
class RunResult:
    """The records of all planned trials that have one, in the plan's order."""

    records: list[Record] = field(default_factory=list)
    skipped: int = 0  # finished by an earlier run
    startup_s: float = 0.0  # until the first trial's process could start
    interrupted: bool = False


@dataclass
class Runner:
    """Runs trials into a run folder that is locked by the caller."""

    plugins: Plugins
    folder: RunFolder
    listener: Listener
    offline: OfflineStage

    def run(self, trials: Sequence[Trial]) -> RunResult:
        """Run every trial that has no final record yet; Ctrl-C ends the run, not the records."""
        self.folder.add_to_plan(trials)
        result = RunResult()
        done = {trial.key: self.folder.finished(trial) for trial in trials}
        result.skipped = sum(record is not None for record in done.values())
        try:
            self._run_missing(trials, done, result)
        except KeyboardInterrupt:  # between two trials, or while pretraining
            result.interrupted = True
        result.records = [record for record in done.values() if record is not None]
        return result

    def _run_missing(
        self, trials: Sequence[Trial], done: dict[str, Record | None], result: RunResult
    ) -> None:
        """Run what has no record in `done`, and put it there."""
        processes = TrialProcesses()
        missing = [trial for trial in trials if done[trial.key] is None]
        if missing:
            result.startup_s = processes.warm_up()
            self.offline.make_all(missing, processes, self.listener)
        for trial in trials:
            record = done[trial.key]
            if record is not None:
                self.listener.finished(trial, record, resumed=True)
                continue
            record = done[trial.key] = self._run_one(trial, processes)
            if record.status == "interrupted":
                result.interrupted = True
                break

    def _run_one(self, trial: Trial, processes: TrialProcesses) -> Record:
        path = self.folder.begin(trial)
        self.listener.started(trial)
        notify(self.plugins.manager, "harness_trial_started", trial=trial)
        started_at, started = _now(), time.monotonic()
        try:
            start = self.offline.start(trial)
            job = TrialJob(
                trial=trial,
                pretraining=start.pretraining,
                checkpoint=start.checkpoint,
                data_root=self.offline.data_root,
                cache_root=self.offline.cache_root,
            )
            with (path / "steps.jsonl").open("w", encoding="utf-8") as steps:
                on_event = self._on_event(trial, steps.write)
                outcome = processes.run(job, path / "log.txt", on_event)
        except PretrainingFailedError as failure:
            outcome = failure.outcome
        except KeyboardInterrupt:
            error = TrialError(
                type="Interrupted", message="the run was interrupted", stage="search"
            )
            outcome = Outcome(status="interrupted", error=error)
        wall_s = time.monotonic() - started
        record = Record.of(trial, outcome, wall_s=wall_s, started_at=started_at, ended_at=_now())
        self.folder.finish(trial, outcome, record)
        self.listener.finished(trial, record, resumed=False)
        notify(self.plugins.manager, "harness_trial_finished", trial=trial, record=record)
        return record

    def _on_event(self, trial: Trial, write: Callable[[str], Any]) -> Callable[[Event], None]:
        def on_event(event: Event) -> None:
            write(json.dumps({key: value for key, value in event.items() if key != "event"}) + "\n")
            self.listener.progressed(trial, event)
            notify(self.plugins.manager, "harness_trial_progress", trial=trial, event=event)

        return on_event


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")
