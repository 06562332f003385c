"""The checkpoint store: finds the checkpoint that a trial starts from, or has it made."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import UsageError
from harness.experiment.outcome import Outcome
from harness.experiment.pretraining import Pretraining, pretraining_of
from harness.experiment.setting import FullTaskSetting
from harness.experiment.trial import Trial
from harness.fields import pretraining_values
from harness.plugins.loading import Plugins
from harness.plugins.selection import recreate
from harness.pretraining.checkpoint import (
    CheckpointError,
    find_checkpoint,
    read_checkpoint,
    read_finished,
)
from harness.pretraining.launcher import PretrainingLauncher, PretrainingListener
from harness.runtime.determinism import is_worth_threads, usable_cores
from harness.runtime.meta_tasks import MetaTaskExecutor
from harness.runtime.process import ProcessLauncher

__all__ = ["CheckpointStore", "PretrainingFailedError", "PretrainingListener", "TrialStart"]

FOLDER = "pretraining"  # in the cache
MOST_LOOKED_AT = 5  # checkpoints of the same name, for one of earlier code


class PretrainingFailedError(Exception):
    """A pretraining did not end well; `outcome` is that of every trial it was for."""

    def __init__(self, outcome: Outcome) -> None:
        """Carry the outcome."""
        self.outcome = outcome
        super().__init__(outcome.error.message if outcome.error else outcome.status)


@dataclass(frozen=True)
class TrialStart:
    """What a trial starts from; both are None for a search from scratch."""

    pretraining: Pretraining | None = None
    checkpoint: Path | None = None


@dataclass
class CheckpointStore:
    """Keeps the checkpoints of all pretrainings, in the cache.

    Attributes:
        given: checkpoint files that a person named, by the key of their pretraining; they stay
            where they are.
    """

    plugins: Plugins
    data_root: Path | None
    cache_root: Path
    given: dict[str, Path] = field(default_factory=dict)
    _outcomes: dict[str, Outcome] = field(default_factory=dict)  # of what was tried in this run

    def identify(self, trial: Trial) -> Pretraining | None:
        """Return the pretraining of a trial's method; None if its setting or budget has none."""
        if trial.setting.kind == "tabular":
            return None
        selection = recreate(self.plugins, "method", trial.method.name, trial.method.params)
        return pretraining_of(trial, pretraining_values(selection.parameters))

    def take(self, files: Iterable[Path], trials: Sequence[Trial]) -> None:
        """Take over checkpoints that a person names; each must be for one of the trials.

        Raises:
            CheckpointError: it is damaged, unfinished, or for another method, setting or budget.
        """
        wanted = [each for each in map(self.identify, trials) if each is not None]
        starts = {each for each in map(_start_of, trials) if each}
        for path in files:
            found = read_finished(path).pretraining
            if found.key not in starts:
                _check_wanted(path, found, wanted)
            self.given[found.key] = path
        if missing := starts - self.given.keys():
            raise UsageError(
                f"a full task is to start from checkpoint {min(missing)[:12]}; name its file with "
                "--checkpoint"
            )

    def path(self, pretraining: Pretraining) -> Path:
        """Say where the checkpoint of a pretraining is, or will be."""
        in_cache = self.cache_root / FOLDER / pretraining.file_name
        return self.given.get(pretraining.key, in_cache)

    def make_all(
        self,
        trials: Sequence[Trial],
        processes: ProcessLauncher,
        listener: PretrainingListener,
        *,
        jobs: int = 1,
        meta_tasks: MetaTaskExecutor | None = None,
    ) -> None:
        """Make every missing checkpoint that trials need; small ones are made side by side.

        Args:
            trials: those that need checkpoints.
            processes: launches the processes that make them.
            listener: follows the progress.
            jobs: how many large ones are made side by side, on processors.
            meta_tasks: has tasks learned elsewhere; then the checkpoints are made one by one.

        Raises:
            HarnessError: the tasks cannot be learned elsewhere.
            KeyboardInterrupt: Ctrl-C; what has been done is kept.
        """
        missing = {
            pretraining.key: (pretraining, trial)
            for trial in trials
            if (pretraining := self.identify(trial)) is not None
            and not self._is_there(pretraining, listener)
        }
        for small in (True, False):
            group = [each for each in missing.values() if _is_small(each[0]) is small]
            workers = 1
            if meta_tasks is None:
                workers = usable_cores() if small else _large_at_a_time(jobs, group)
            size = max(1, workers // max(1, len(group))) if small else 1  # processes for each
            maker = PretrainingLauncher(
                self.plugins, self.data_root, self.cache_root, processes, size, meta_tasks
            )
            with ThreadPoolExecutor(max_workers=workers) as pool:
                futures = [pool.submit(self._make, maker, *each, listener) for each in group]
                try:
                    for future in futures:
                        future.result()
                except BaseException:
                    pool.shutdown(wait=False, cancel_futures=True)
                    processes.stop()
                    raise

    def start(self, trial: Trial) -> TrialStart:
        """Return what a trial starts from, after `make_all`.

        Raises:
            PretrainingFailedError: its method could not be pretrained.
        """
        if key := _start_of(trial):
            path = self.given[key]
            return TrialStart(read_finished(path).pretraining, path)
        pretraining = self.identify(trial)
        if pretraining is None:
            return TrialStart()
        outcome = self._outcomes.get(pretraining.key)
        if outcome is not None and outcome.status != "ok":
            raise PretrainingFailedError(outcome)
        path = self.path(pretraining)
        return TrialStart(pretraining, path) if path.exists() else TrialStart()

    def _is_there(self, pretraining: Pretraining, listener: PretrainingListener) -> bool:
        path = self.path(pretraining)
        if find_checkpoint(path, pretraining) is not None:
            listener.said(f"{pretraining} is already done: {path.name}")
            return True
        if path.exists():
            listener.said(f"checkpoint {path} is damaged; it is made again")
            path.unlink()
        elif (difference := _difference_of_code(path.parent, pretraining)) is not None:
            listener.said(f"{pretraining}: a checkpoint is there and not used, since {difference}")
        return False

    def _make(
        self,
        maker: PretrainingLauncher,
        pretraining: Pretraining,
        trial: Trial,
        listener: PretrainingListener,
    ) -> None:
        path = self.path(pretraining)
        self._outcomes[pretraining.key] = maker.make(pretraining, trial, path, listener)


def _start_of(trial: Trial) -> str:
    """Return the key of the pretraining that a full task starts from; empty if from none."""
    return trial.setting.recipe.start if isinstance(trial.setting, FullTaskSetting) else ""


def _difference_of_code(folder: Path, wanted: Pretraining) -> str | None:
    """Say which code has changed since the wanted checkpoint was made; None if there is none."""
    name = glob.escape(wanted.readable_name)
    newest_first = sorted(folder.glob(f"{name}-*.safetensors"), key=_modified, reverse=True)
    for path in newest_first[:MOST_LOOKED_AT]:
        with suppress(CheckpointError):
            found = read_checkpoint(path).pretraining
            if wanted.difference(found) == wanted.difference_of_code(found):
                return wanted.difference_of_code(found)
    return None


def _modified(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _is_small(pretraining: Pretraining) -> bool:
    """Tell whether one thread is enough for a pretraining, so that several fit side by side."""
    shape, budget = pretraining.dataset.image_shape, pretraining.budget
    return not is_worth_threads(budget.meta_batch, shape, budget.channels)


def _large_at_a_time(jobs: int, group: Sequence[tuple[Pretraining, Trial]]) -> int:
    """Return how many pretrainings may share the machine; on a GPU they would share its memory."""
    return jobs if all(trial.device.profile.kind == "cpu" for _, trial in group) else 1


def _check_wanted(path: Path, found: Pretraining, wanted: Sequence[Pretraining]) -> None:
    """Refuse a checkpoint that no trial needs, and name how it differs from the nearest one."""
    if not wanted:
        raise UsageError(f"checkpoint {path} is not needed: the budget has meta_epochs=0")
    alike = [each for each in wanted if each.method.name == found.method.name] or list(wanted)
    differences = [each.difference(found) for each in alike]
    if all(differences):
        raise CheckpointError(f"checkpoint {path} cannot be used: {differences[0]}")
