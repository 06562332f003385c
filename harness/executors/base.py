"""What runs trials side by side, on this machine or on others: what it is given, what it tells."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from harness.contracts import Device, DeviceMode
from harness.experiment.trial import Trial
from harness.plugins.selection import Selection
from harness.pretraining.meta_task_request import TaskLearner
from harness.results.run_files import Step
from harness.runtime.job import TrialJob
from harness.trials.timed_outcome import Ending

__all__ = ["Delivered", "Delivery", "Executor", "Handed", "Happening", "Lost", "Stepped"]


class Delivery(Ending):
    """What comes home of a trial; all of it is checked to be what a record is made of."""

    steps: list[Step]
    log: str


@dataclass(frozen=True)
class Handed:
    """A trial has been handed out."""

    trial: Trial


@dataclass(frozen=True)
class Stepped:
    """A search step is done somewhere; some may go untold before the delivery, which has all."""

    trial: Trial
    event: dict[str, Any]


@dataclass(frozen=True)
class Delivered:
    """A trial has come to its end, whatever way it ended."""

    trial: Trial
    delivery: Delivery


@dataclass(frozen=True)
class Lost:
    """A trial was given up: not for anything that its method did."""

    trial: Trial
    reason: str


Happening = Handed | Stepped | Delivered | Lost


class Executor(Protocol):
    """Runs trials side by side.

    Attributes:
        same_machine: whether on this one, with its folders.
        learner: what has tasks of pretraining learned there, too.
    """

    @property
    def same_machine(self) -> bool:
        """Whether trials run on this machine."""

    @property
    def learner(self) -> TaskLearner | None:
        """What has tasks of pretraining learned there; None: pretraining is done here."""

    def choose_mode(
        self, selection: Selection, device: Device, wanted: DeviceMode | None
    ) -> DeviceMode:
        """Say what a device is there (see `harness.planning.planner.ChoosesMode`)."""

    def run(
        self, jobs: Iterable[TrialJob], say: Callable[[str], None]
    ) -> Generator[Happening, None, None]:
        """Run every job once; tell in this thread what happens, as it is asked for.

        To close the generator stops what is under way.

        Args:
            jobs: what is to be done.
            say: is told what is worth a line, such as that there is no worker to be had.

        Raises:
            HarnessError: the trials cannot be run there.
        """
