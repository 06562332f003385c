"""Meta-tasks that are learned elsewhere: requests, results, and how they travel.

The result of a task depends only on the meta parameters and the task's number. So a process that
sends tasks away, and does the meta update with their results, has the same meta parameters, to the
bit, as one that learns the tasks itself.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from typing import NamedTuple, Protocol

from harness.contracts import StepMetrics
from harness.experiment.outcome import Outcome
from harness.experiment.trial import DeviceIdentity
from harness.runtime.job import PretrainingJob
from harness.runtime.process_group import ProcessGroup

__all__ = [
    "MetaTaskExecutor",
    "MetaTaskFailedError",
    "MetaTaskRequest",
    "MetaTaskResult",
    "RemoteClient",
    "received",
    "serve",
]


class MetaTaskRequest(NamedTuple):
    """Tasks to be learned.

    Attributes:
        meta_epoch: of the tasks, from 0.
        tasks: their numbers in the meta-epoch, from 0.
        state: the tensors to start from, see `harness.pretraining.checkpoint`.
    """

    meta_epoch: int
    tasks: Sequence[int]
    state: bytes


class MetaTaskResult(NamedTuple):
    """The result of learning a task: tensors (see `pack` of checkpoints) and metrics."""

    task: int
    parameters: bytes
    metrics: StepMetrics


class MetaTaskFailedError(Exception):
    """A task could not be learned; it carries the pretraining's outcome and what was printed."""

    def __init__(self, outcome: Outcome, log: str = "") -> None:
        """Carry the outcome and the log."""
        self.outcome, self.log = outcome, log
        super().__init__(outcome.error.message if outcome.error else outcome.status)


class MetaTaskExecutor(Protocol):
    """Has tasks learned elsewhere, such as on other machines."""

    def learn(
        self,
        job: PretrainingJob,
        device: DeviceIdentity,
        request: MetaTaskRequest,
        is_wanted: Callable[[], bool],
        say: Callable[[str], None],
    ) -> Generator[MetaTaskResult, None, None]:
        """Yield the result of each task as it comes; closing the generator stops the rest.

        Args:
            job: of the pretraining, with the folders of this machine.
            device: the device that is to compute.
            request: what is to be learned.
            is_wanted: whether results are still wanted; if not, the generator ends soon.
            say: reports a sentence to the person, such as that there is no worker.

        Raises:
            MetaTaskFailedError: the method has failed, or workers were lost again and again.
            HarnessError: nothing can be learned there.
        """


def received(connection: Connection) -> MetaTaskRequest | None:
    """Wait for the next request of a process; return None once it has ended."""
    try:
        request: MetaTaskRequest = connection.recv()
    except (EOFError, OSError):
        return None
    return request


@dataclass(frozen=True)
class RemoteClient(ProcessGroup):
    """The group of a process that does a pretraining whose tasks are learned elsewhere.

    Attributes:
        asking: its connection to `serve`, which has the tasks learned.
    """

    asking: Connection = field(kw_only=True)

    def learns(self, tasks: Sequence[int]) -> list[int]:  # noqa: ARG002 - whichever they are
        """Return none: others learn them all."""
        return []

    def fetch(self, request: Callable[[], MetaTaskRequest]) -> Iterator[MetaTaskResult]:
        """Have tasks learned; yield the result of each as it comes.

        Raises:
            ProcessGroupError: the other end of the connection has gone.
        """
        wanted = request()
        if wanted.tasks:
            self._send(self.asking, wanted)
        for _ in wanted.tasks:
            yield self._receive(self.asking)

    def close(self) -> None:
        """Close the connection."""
        self.asking.close()


def serve(
    connection: Connection,
    meta_tasks: MetaTaskExecutor,
    job: PretrainingJob,
    device: DeviceIdentity,
    say: Callable[[str], None],
) -> None:
    """Have the tasks learned that the process at the other end requests, until it ends.

    Args:
        connection: to a process whose group is a `RemoteClient`; it is closed here in any case, so
            that the process ends too.
        meta_tasks: has the tasks learned.
        job: of that process.
        device: see `MetaTaskExecutor`.
        say: see `MetaTaskExecutor`.

    Raises:
        MetaTaskFailedError: see `MetaTaskExecutor`.
        HarnessError: see `MetaTaskExecutor`.
    """

    def is_wanted() -> bool:
        return not connection.poll(0)  # it sends nothing while it waits, so only its end shows here

    try:
        while (request := received(connection)) is not None:
            with closing(meta_tasks.learn(job, device, request, is_wanted, say)) as learned:
                if not all(_is_sent(connection, each) for each in learned):
                    return
    finally:
        connection.close()


def _is_sent(connection: Connection, learned: MetaTaskResult) -> bool:
    try:
        connection.send(learned)
    except OSError:
        return False
    return True
