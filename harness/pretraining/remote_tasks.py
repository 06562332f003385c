"""The process of a pretraining that has its tasks learned elsewhere, and who sees to that."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

from harness.experiment.trial import DeviceIdentity
from harness.pretraining.meta_task_request import Learned, Lessons, TaskLearner, received
from harness.pretraining.process_group import Place
from harness.runtime.job import PretrainingJob

__all__ = ["Elsewhere", "serve"]


@dataclass(frozen=True)
class Elsewhere(Place):
    """The place of a process that does all of a pretraining but learn its tasks.

    Attributes:
        asking: its connection to who has them learned, see `serve`.
    """

    asking: Connection = field(kw_only=True)

    def own(self, tasks: Sequence[int]) -> list[int]:  # noqa: ARG002 - whichever they are
        """Return none."""
        return []

    def fetch(self, lessons: Callable[[], Lessons]) -> Iterator[Learned]:
        """Have tasks learned; give what each has led to, as it comes.

        Raises:
            TeamLostError: nobody is there any more.
        """
        wanted = lessons()
        if wanted.tasks:
            self._send(self.asking, wanted)
        for _ in wanted.tasks:
            yield self._receive(self.asking)

    def close(self) -> None:
        """Close the connection."""
        self.asking.close()


def serve(
    connection: Connection,
    learner: TaskLearner,
    job: PretrainingJob,
    device: DeviceIdentity,
    say: Callable[[str], None],
) -> None:
    """Have learned what the process at the other end of a connection asks for, until it ends.

    Args:
        connection: to a process in the place `Elsewhere`; it is closed here, whatever happens, so
            that the process ends, too.
        learner: does it.
        job: of that process.
        device: see `TaskLearner`.
        say: likewise.

    Raises:
        LessonFailedError: see `TaskLearner`.
        HarnessError: likewise.
    """

    def is_wanted() -> bool:
        return not connection.poll(0)  # it says nothing before it has its answers, unless it ends

    try:
        while (lessons := received(connection)) is not None:
            with closing(learner.learn(job, device, lessons, is_wanted, say)) as learned:
                if not all(_is_sent(connection, each) for each in learned):
                    return
    finally:
        connection.close()


def _is_sent(connection: Connection, learned: Learned) -> bool:
    try:
        connection.send(learned)
    except OSError:
        return False
    return True
