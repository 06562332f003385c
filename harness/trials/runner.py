"""Plans and runs trials: an executor runs them, and their records go into a run folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UsageError
from harness.executors.base import (
    Executor,
    ExecutorEvent,
    ExecutorOptions,
    TrialLost,
    TrialStarted,
    TrialStepped,
    open_executor,
)
from harness.experiment.outcome import TrialClock
from harness.experiment.trial import Trial
from harness.planning.plan import PlanRequest
from harness.planning.run_directory import Origin, RunFolder, choose_folder
from harness.plugins.lifecycle import make_reporters, reporting
from harness.plugins.loading import Plugins
from harness.pretraining.store import CheckpointStore, PretrainingFailedError
from harness.results.record import Record
from harness.runtime.job import TrialJob
from harness.runtime.process import ProcessLauncher
from harness.trials.record_writer import RecordWriter, RunListener
from harness.trials.tabular import TabularTrials

__all__ = ["RunRequest", "RunResult", "Runner", "run_trials"]


@dataclass
class RunResult:
    """The records of all planned trials that have one, in the plan's order.

    Attributes:
        folder: where they are.
        passed_over: methods that no trial was planned for, since a plugin is at fault, and why.
        skipped: how many trials an earlier run had finished.
        startup_s: seconds until the first trial's process could start; None if trials ran on other
            machines.
        without_model: for each trial whose network was to be kept and is not there, a sentence.
    """

    folder: Path
    passed_over: Mapping[str, str] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    skipped: int = 0
    startup_s: float | None = 0.0
    interrupted: bool = False
    without_model: Sequence[str] = ()

    @property
    def has_failed(self) -> bool:
        """Whether something did not end well. Not fitting the device is a result, not a failure."""
        ended_well = {"ok", "out_of_memory"}
        return bool(self.passed_over) or any(
            record.status not in ended_well for record in self.records
        )


@dataclass
class Runner:
    """Runs trials into a run folder that is locked by the caller.

    Attributes:
        store: has the checkpoints that trials start from.
        executor: where trials run.
        saves_models: whether each trial's network is kept in its folder.
        shows_images: whether a few judged images are kept even if their data set does not permit
            showing them.
    """

    plugins: Plugins
    folder: RunFolder
    listener: RunListener
    store: CheckpointStore
    executor: Executor
    saves_models: bool = False
    shows_images: bool = False

    def __post_init__(self) -> None:
        """Make the run's only writer."""
        self._writer = RecordWriter(self.plugins, self.folder, self.listener)

    def run(self, trials: Sequence[Trial], origin: Origin | None = None) -> RunResult:
        """Run every trial that has no final record yet; Ctrl-C ends the run, and records stay."""
        self._say_what_is_run_anew(self.folder.add_to_plan(trials, origin))
        result = RunResult(self.folder.path, origin.passed_over if origin else {})
        done = {trial.key: self.folder.finished(trial) for trial in trials}
        result.skipped = sum(record is not None for record in done.values())
        try:
            with closing(self._writer):
                self._run_missing(trials, done, result)
        except KeyboardInterrupt:
            result.interrupted = True
        result.records = [record for record in done.values() if record is not None]
        if self.saves_models:
            result.without_model = [
                _reason(trial, done[trial.key])
                for trial in trials
                if not self.folder.model_path(trial).exists()
            ]
        return result

    def _say_what_is_run_anew(self, changes: Sequence[str]) -> None:
        """Say which code has changed since trials were finished, and how many that concerns."""
        for change, number in Counter(changes).items():
            trials = "1 finished trial is" if number == 1 else f"{number} finished trials are"
            self.listener.said(
                f"{trials} of other code ({change}) and run anew; the earlier records stay in "
                f"{self.folder.trials_path}, and reports pass over them"
            )

    def _run_missing(
        self, trials: Sequence[Trial], done: dict[str, Record | None], result: RunResult
    ) -> None:
        """Run the trials that have no record in `done`, and add their records."""
        for trial in trials:
            if (record := done[trial.key]) is not None:
                self.listener.finished(trial, record, resumed=True)
        missing = [trial for trial in trials if done[trial.key] is None]
        self._search_tables([t for t in missing if t.setting.kind == "tabular"], done)
        missing = [trial for trial in missing if trial.setting.kind != "tabular"]
        if not missing:
            return
        launcher = ProcessLauncher()
        result.startup_s = launcher.warm_up() if self.executor.same_machine else None
        jobs, meta_tasks = self.executor.jobs, self.executor.meta_tasks
        self.store.make_all(missing, launcher, self.listener, jobs=jobs, meta_tasks=meta_tasks)
        self._execute(self._jobs(missing, done), done)

    def _search_tables(self, trials: Sequence[Trial], done: dict[str, Record | None]) -> None:
        """Run black-box searches here, one after another: they only look accuracies up."""
        searches = TabularTrials(self.plugins, self.store.data_root, self.store.cache_root)
        for trial in trials:
            self._writer.begin(trial)
            found = searches.run(trial)
            self._writer.add_evaluations(trial, found.evaluations, found.costs, found.log)
            done[trial.key] = self._writer.finish(trial, found.timed)

    def _execute(self, jobs: Sequence[TrialJob], done: dict[str, Record | None]) -> None:
        """Hand trials to the executor, and write their records."""
        under_way: dict[str, tuple[Trial, TrialClock]] = {}
        try:
            events = self.executor.run(jobs, self._writer.log_of, self.listener.said)
            with closing(events):
                for event in events:
                    self._take(event, under_way, done)
        except KeyboardInterrupt:
            for key, (trial, clock) in under_way.items():
                timed = clock.broken_off("interrupted", "Interrupted", "the run was interrupted")
                done[key] = self._writer.finish(trial, timed)
            raise

    def _take(
        self,
        event: ExecutorEvent,
        under_way: dict[str, tuple[Trial, TrialClock]],
        done: dict[str, Record | None],
    ) -> None:
        trial, key = event.trial, event.trial.key
        if isinstance(event, TrialStarted):
            self._writer.begin(trial, runs_here=self.executor.same_machine)
            under_way[key] = trial, TrialClock()
        elif isinstance(event, TrialStepped):
            if self.executor.same_machine and event.event["event"] == "step":
                self._writer.add_step(trial, event.event)
            else:
                self.listener.progressed(trial, event.event)
        else:
            if isinstance(event, TrialLost):
                timed = under_way[key][1].broken_off("interrupted", "WorkerLost", event.reason)
            else:
                timed = event.outcome
            done[key] = self._writer.finish(trial, timed)
            del under_way[key]

    def _jobs(self, trials: Sequence[Trial], done: dict[str, Record | None]) -> list[TrialJob]:
        """Return the jobs of trials; one whose pretraining has failed gets its record at once."""
        jobs = []
        for trial in trials:
            try:
                jobs.append(self._job(trial))
            except PretrainingFailedError as failure:
                self._writer.begin(trial)
                done[trial.key] = self._writer.finish(trial, TrialClock().timed(failure.outcome))
        return jobs

    def _job(self, trial: Trial) -> TrialJob:
        """Return what the trial's process has to know.

        Raises:
            PretrainingFailedError: there is no checkpoint to start from.
        """
        start = self.store.start(trial)
        return TrialJob(
            trial=trial,
            pretraining=start.pretraining,
            checkpoint=start.checkpoint,
            model=self.folder.model_path(trial).absolute() if self.saves_models else None,
            shows_images=self.shows_images,
            data_root=self.store.data_root,
            cache_root=self.store.cache_root,
        )


def _reason(trial: Trial, record: Record | None) -> str:
    """Say why a trial has left no model."""
    if record is None or record.status != "ok":
        return f"{trial} did not end well"
    known = record.environment.get("no_model")
    earlier = "it ran without --save-models; --no-resume runs all in a new folder"
    return f"{trial}: {known or earlier}"


@dataclass(frozen=True, kw_only=True)
class RunRequest(PlanRequest):
    """What to run, and how.

    Attributes:
        output: the run folder; None: one under `results/`.
        resume: keep finished trials and run the rest; if not, run all in a new folder.
        executor: where the trials run.
        checkpoints: files that `harness pretrain` has made, perhaps on another machine.
        reporters: plugins that receive each step, such as `csv`.
        saves_models: whether each trial's network is kept in its folder.
        shows_images: whether a few judged images are kept beside each record even if their data
            set does not permit showing them, as with people's own photos.
    """

    output: Path | None = None
    resume: bool = True
    executor: ExecutorOptions = field(default_factory=ExecutorOptions)
    checkpoints: Sequence[Path] = ()
    reporters: Sequence[str] = ()
    saves_models: bool = False
    shows_images: bool = False


def run_trials(
    plugins: Plugins,
    request: RunRequest,
    progress: Callable[[int], AbstractContextManager[RunListener]],
    say: Callable[[str], None],
) -> RunResult:
    """Plan the trials that are asked for, run those without a final record, and return all records.

    Args:
        plugins: where names are looked up.
        request: what to run.
        progress: makes a context manager from the number of trials, which gives the run a listener.
        say: reports sentences to the person while trials are planned.

    Raises:
        HarnessError: something that was asked for is wrong, or the run cannot go on; finished
            records stay.
        KeyboardInterrupt: Ctrl-C before the first trial; later the result says so.
    """
    reporters = make_reporters(plugins, request.reporters)
    resolved = request.resolve(plugins)
    with open_executor(request.executor, plugins) as executor:
        if request.saves_models and not executor.same_machine:
            raise UsageError(
                "models are kept on the machine that trains them; use --executor local"
            )
        plan = resolved.plan(executor.mode_of, say)
        store = CheckpointStore(plugins, request.data_root, request.cache_root)
        store.take(request.checkpoints, plan.trials)
        output, resume = request.output, request.resume
        folder = RunFolder(choose_folder(output, plan.trials, name=plan.name, resume=resume))
        with progress(len(plan.trials)) as listener:
            kept = request.saves_models, request.shows_images
            runner = Runner(plugins, folder, listener, store, executor, *kept)
            with folder.locked(), reporting(plugins, reporters, folder.path):
                return runner.run(plan.trials, plan.origin)
