"""Sees to it that a trial has what it starts from: finds its checkpoint, or has it made."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from harness.contracts import Device
from harness.errors import UsageError
from harness.experiment.pretraining import Pretraining, pretraining_of
from harness.experiment.record import Outcome
from harness.experiment.trial import Trial
from harness.fields import pretraining_values
from harness.plugins.loading import Plugins
from harness.plugins.selection import recreate
from harness.runner.checkpoint import CheckpointError, find_checkpoint, read_checkpoint
from harness.runner.job import PretrainingJob
from harness.runner.process import TrialProcesses

__all__ = ["OfflineStage", "PretrainingFailedError", "PretrainingListener", "Start"]

FOLDER = "pretraining"  # in the cache


class PretrainingFailedError(Exception):
    """The offline stage did not end well; `outcome` is that of every trial it was for."""

    def __init__(self, outcome: Outcome) -> None:
        """Carry the outcome."""
        self.outcome = outcome
        super().__init__(outcome.error.message if outcome.error else outcome.status)


class PretrainingListener(Protocol):
    """Is told what happens offline."""

    def pretraining_started(self, pretraining: Pretraining, done: int) -> None:
        """There is no checkpoint: it is being made; `done` meta-epochs were, before a kill."""

    def pretraining_progressed(self, pretraining: Pretraining, event: dict[str, Any]) -> None:
        """A meta-epoch is done."""

    def said(self, sentence: str) -> None:
        """Something worth a line."""


@dataclass(frozen=True)
class Start:
    """What a trial starts from; both are None for a search from scratch."""

    pretraining: Pretraining | None = None
    checkpoint: Path | None = None


@dataclass
class OfflineStage:
    """Keeps the checkpoints of all pretrainings, in the cache.

    Attributes:
        given: checkpoint files from elsewhere by the key of their pretraining; they are used where
            they lie.
    """

    plugins: Plugins
    data_root: Path | None
    cache_root: Path
    given: dict[str, Path] = field(default_factory=dict)
    _not_pretrained: set[str] = field(default_factory=set)

    def identify(self, trial: Trial) -> Pretraining | None:
        """Return what a trial's method would be pretrained by; None where its budget has none."""
        selection = recreate(self.plugins, "method", trial.method.name, trial.method.params)
        return pretraining_of(trial, pretraining_values(selection.parameters))

    def take(self, files: Iterable[Path], trials: Sequence[Trial]) -> None:
        """Take over checkpoints that a person names; each must be for one of the trials.

        Raises:
            CheckpointError: it is damaged, unfinished, or for another method, setting or budget.
        """
        wanted = [each for each in map(self.identify, trials) if each is not None]
        for path in files:
            checkpoint = read_checkpoint(path)
            if not checkpoint.is_complete:
                raise CheckpointError(f"checkpoint {path} is of a pretraining that is not finished")
            _check_wanted(path, checkpoint.pretraining, wanted)
            self.given[checkpoint.pretraining.key] = path

    def path(self, pretraining: Pretraining) -> Path:
        """Say where the checkpoint of a pretraining is, or will be."""
        in_cache = self.cache_root / FOLDER / pretraining.file_name
        return self.given.get(pretraining.key, in_cache)

    def start(
        self, trial: Trial, processes: TrialProcesses, listener: PretrainingListener
    ) -> Start:
        """Return what a trial starts from, pretraining its method first if need be.

        Raises:
            PretrainingFailedError: it could not be pretrained.
            KeyboardInterrupt: Ctrl-C; what has been done is kept.
        """
        pretraining = self.identify(trial)
        if pretraining is None or pretraining.key in self._not_pretrained:
            return Start()
        path = self.path(pretraining)
        if find_checkpoint(path, pretraining) is None:
            if path.exists():
                listener.said(f"checkpoint {path} is damaged; it is made again")
            self._make(pretraining, trial, path, processes, listener)
        if not path.exists():
            self._not_pretrained.add(pretraining.key)
            return Start()
        return Start(pretraining, path)

    def _make(
        self,
        pretraining: Pretraining,
        trial: Trial,
        path: Path,
        processes: TrialProcesses,
        listener: PretrainingListener,
    ) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        device: Device = recreate(
            self.plugins, "device", trial.device.name, trial.device.params
        ).create()
        job = PretrainingJob(
            pretraining=pretraining,
            params=trial.method.params,
            torch_device=device.torch_device(),
            checkpoint=path,
            data_root=self.data_root,
            cache_root=self.cache_root,
        )

        def on_event(event: dict[str, Any]) -> None:
            if event["event"] == "pretraining":
                listener.pretraining_started(pretraining, event["meta_epoch"])
            else:
                listener.pretraining_progressed(pretraining, event)

        outcome = processes.run(job, path.with_suffix(".log"), on_event)
        if outcome.status != "ok":
            raise PretrainingFailedError(outcome)


def _check_wanted(path: Path, found: Pretraining, wanted: Sequence[Pretraining]) -> None:
    """Refuse a checkpoint that is for no trial, naming what differs from the likeliest one."""
    if not wanted:
        raise UsageError(f"checkpoint {path} is not needed: the budget has meta_epochs=0")
    alike = [each for each in wanted if each.method.name == found.method.name] or list(wanted)
    differences = [each.difference(found) for each in alike]
    if all(differences):
        raise CheckpointError(f"checkpoint {path} cannot be used: {differences[0]}")
