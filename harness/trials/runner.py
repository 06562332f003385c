"""Runs planned trials, here one by one or wherever an executor does, and leaves their records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field

from harness.executors.base import Delivered, Executor, Handed, Lost, Stepped
from harness.experiment.trial import Trial
from harness.planning.origin import Origin
from harness.planning.run_directory import RunFolder
from harness.plugins.loading import Plugins
from harness.pretraining.store import OfflineStage, PretrainingFailedError
from harness.results.record import Record
from harness.runtime.job import TrialJob
from harness.runtime.process import TrialProcesses
from harness.trials.record_writer import Listener, RecordWriter
from harness.trials.timed_outcome import Clock, Ending, ended_at_once

__all__ = ["Listener", "RunResult", "Runner"]


@dataclass
class RunResult:
    """The records of all planned trials that have one, in the plan's order.

    Attributes:
        skipped: how many an earlier run has finished.
        startup_s: until the first trial's process could start; None where it was not here.
    """

    records: list[Record] = field(default_factory=list)
    skipped: int = 0
    startup_s: float | None = 0.0
    interrupted: bool = False


@dataclass
class Runner:
    """Runs trials into a run folder that is locked by the caller.

    Attributes:
        executor: runs several side by side; None: they are run here, one after another.
    """

    plugins: Plugins
    folder: RunFolder
    listener: Listener
    offline: OfflineStage
    executor: Executor | None = None

    def __post_init__(self) -> None:
        """Have one writer."""
        self._writer = RecordWriter(self.plugins, self.folder, self.listener)

    def run(self, trials: Sequence[Trial], origin: Origin | None = None) -> RunResult:
        """Run every trial that has no final record yet; Ctrl-C ends the run, not the records."""
        self.folder.add_to_plan(trials, origin)
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
        for trial in trials:
            if (record := done[trial.key]) is not None:
                self.listener.finished(trial, record, resumed=True)
        missing = [trial for trial in trials if done[trial.key] is None]
        if not missing:
            return
        processes = TrialProcesses()
        result.startup_s = processes.warm_up() if self._runs_here else None
        learner = self.executor.learner if self.executor else None
        self.offline.make_all(missing, processes, self.listener, learner)
        if self.executor is not None:
            self._run_elsewhere(missing, done, self.executor)
            return
        for trial in missing:
            record = done[trial.key] = self._run_here(trial, processes)
            if record.status == "interrupted":
                result.interrupted = True
                break

    @property
    def _runs_here(self) -> bool:
        return self.executor is None or self.executor.same_machine

    def _run_here(self, trial: Trial, processes: TrialProcesses) -> Record:
        path, clock = self._writer.begin(trial), Clock()
        try:
            job = self._job(trial)
            with self._writer.steps(trial) as on_event:
                outcome = processes.run(job, path / "log.txt", on_event)
            ending = clock.ending(outcome)
        except PretrainingFailedError as failure:
            ending = clock.ending(failure.outcome)
        except KeyboardInterrupt:
            ending = _interrupted(clock)
        return self._writer.finish(trial, ending)

    def _run_elsewhere(
        self, trials: Sequence[Trial], done: dict[str, Record | None], executor: Executor
    ) -> None:
        """Hand trials to the executor, and write what comes home."""
        under_way: dict[str, Clock] = {}
        jobs = self._jobs(trials, done)
        try:
            with closing(executor.run(jobs.values(), self.listener.said)) as happenings:
                for each in happenings:
                    key = each.trial.key
                    if isinstance(each, Handed):
                        self._writer.begin(each.trial)
                        under_way[key] = Clock()
                    elif isinstance(each, Stepped):
                        self.listener.progressed(each.trial, each.event)
                    else:
                        done[key] = self._take(each, under_way[key])
                        del under_way[key]
        except KeyboardInterrupt:
            for key, clock in under_way.items():
                done[key] = self._writer.finish(jobs[key].trial, _interrupted(clock))
            raise

    def _take(self, happening: Delivered | Lost, clock: Clock) -> Record:
        """Write what has become of a trial."""
        if isinstance(happening, Lost):
            ending = ended_at_once("interrupted", "WorkerLost", happening.reason, clock=clock)
            return self._writer.finish(happening.trial, ending)
        delivery = happening.delivery
        self._writer.bring_home(
            happening.trial, [row.model_dump() for row in delivery.steps], delivery.log
        )
        return self._writer.finish(happening.trial, delivery)

    def _jobs(
        self, trials: Sequence[Trial], done: dict[str, Record | None]
    ) -> Mapping[str, TrialJob]:
        """Return the jobs of trials by their keys; what cannot even start gets its record."""
        jobs = {}
        for trial in trials:
            try:
                jobs[trial.key] = self._job(trial)
            except PretrainingFailedError as failure:
                self._writer.begin(trial)
                done[trial.key] = self._writer.finish(trial, Clock().ending(failure.outcome))
        return jobs

    def _job(self, trial: Trial) -> TrialJob:
        """Say all that the trial's process has to know.

        Raises:
            PretrainingFailedError: there is nothing to start from.
        """
        start = self.offline.start(trial)
        return TrialJob(
            trial=trial,
            pretraining=start.pretraining,
            checkpoint=start.checkpoint,
            data_root=self.offline.data_root,
            cache_root=self.offline.cache_root,
        )


def _interrupted(clock: Clock) -> Ending:
    return ended_at_once("interrupted", "Interrupted", "the run was interrupted", clock=clock)
