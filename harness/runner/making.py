"""Makes one checkpoint, in one process or in a team of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from harness.experiment.pretraining import Pretraining
from harness.experiment.record import Outcome
from harness.experiment.trial import Trial
from harness.plugins.loading import Plugins
from harness.runner.job import PretrainingJob
from harness.runner.opening import open_device
from harness.runner.process import TrialProcesses
from harness.runner.team import Place, TeamLostError

__all__ = ["CheckpointMaker", "PretrainingListener"]


class PretrainingListener(Protocol):
    """Is told what happens offline."""

    def pretraining_started(self, pretraining: Pretraining, done: int) -> None:
        """There is no checkpoint: it is being made; `done` meta-epochs were, before a kill."""

    def pretraining_progressed(self, pretraining: Pretraining, event: dict[str, Any]) -> None:
        """A meta-epoch is done."""

    def said(self, sentence: str) -> None:
        """Something worth a line."""


@dataclass(frozen=True)
class CheckpointMaker:
    """Runs pretrainings in processes of their own.

    Attributes:
        size: how many processes share the tasks of one pretraining, at most one a task.
    """

    plugins: Plugins
    data_root: Path | None
    cache_root: Path
    processes: TrialProcesses
    size: int

    def make(
        self, pretraining: Pretraining, trial: Trial, path: Path, listener: PretrainingListener
    ) -> Outcome:
        """Make the checkpoint that `trial` needs, at `path`.

        Returns:
            What became of it; if a process of a team failed, of that one.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        device = open_device(self.plugins, trial.device)
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

        def run(place: Place) -> Outcome:
            told = on_event if place.leads else _ignore
            return self.processes.run(job, path.with_suffix(".log"), told, place)

        places = self.processes.team(min(self.size, pretraining.budget.meta_tasks))
        with ThreadPoolExecutor(max_workers=len(places)) as pool:
            return _the_telling(list(pool.map(run, places)))


def _the_telling(outcomes: list[Outcome]) -> Outcome:
    """Return the leader's outcome, or that of a process which did not only miss another."""
    failed = [each for each in outcomes if each.error is not None]
    own = [each for each in failed if each.error and each.error.type != TeamLostError.__name__]
    return (own or failed or outcomes)[0]


def _ignore(_: dict[str, Any]) -> None:
    """Pass over an event: the leader tells of the team."""
