"""Tasks of a pretraining that are learned elsewhere: what is asked for, what comes back, and how.

A task depends on the meta parameters and on its number alone. So a process that sends these away,
and does the meta update with what all tasks have led to, holds to the bit the meta parameters of
one that learns the tasks itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple, Protocol

from harness.contracts import StepMetrics
from harness.experiment.trial import DeviceIdentity
from harness.results.record import Outcome
from harness.runtime.job import PretrainingJob

__all__ = ["Learned", "LessonFailedError", "Lessons", "TaskLearner", "received"]


class Lessons(NamedTuple):
    """Tasks to be learned.

    Attributes:
        meta_epoch: which they are of, from 0.
        tasks: their numbers in it, from 0.
        state: the tensors to start from, see `harness.runtime.arrays`.
    """

    meta_epoch: int
    tasks: Sequence[int]
    state: bytes


class Learned(NamedTuple):
    """Where learning a task has led to: tensors (see `harness.runtime.arrays`) and metrics."""

    task: int
    parameters: bytes
    metrics: StepMetrics


class LessonFailedError(Exception):
    """A task could not be learned; `outcome` is that of the pretraining, `log` what was printed."""

    def __init__(self, outcome: Outcome, log: str = "") -> None:
        """Carry both."""
        self.outcome, self.log = outcome, log
        super().__init__(outcome.error.message if outcome.error else outcome.status)


class TaskLearner(Protocol):
    """Has tasks learned, on other machines say."""

    def learn(
        self,
        job: PretrainingJob,
        device: DeviceIdentity,
        lessons: Lessons,
        is_wanted: Callable[[], bool],
        say: Callable[[str], None],
    ) -> Generator[Learned, None, None]:
        """Give what each task has led to, as it comes; to close the generator stops the rest.

        Args:
            job: of the pretraining, with the folders of this machine.
            device: which is to compute.
            lessons: what is to be learned.
            is_wanted: whether anybody still waits; the generator ends soon after nobody does.
            say: is told what is worth a line, such as that there is no worker to be had.

        Raises:
            LessonFailedError: the method has failed, or what computed was lost again and again.
            HarnessError: nothing can be learned there.
        """


def received(connection: Connection) -> Lessons | None:
    """Wait for lessons that a process asks for; return None once it has ended."""
    try:
        lessons: Lessons = connection.recv()
    except (EOFError, OSError):
        return None
    return lessons
