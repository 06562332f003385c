"""Meta-tasks that are learned elsewhere: what is asked for, what comes back, and how it travels.

A task depends on the meta parameters and on its number alone. So a process that sends these away,
and does the meta update with what all tasks have led to, holds to the bit the meta parameters of
one that learns the tasks itself.
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
        meta_epoch: which they are of, from 0.
        tasks: their numbers in it, from 0.
        state: the tensors to start from, see `harness.pretraining.checkpoint`.
    """

    meta_epoch: int
    tasks: Sequence[int]
    state: bytes


class MetaTaskResult(NamedTuple):
    """Where learning a task has led to: tensors (see `pack` of checkpoints) and metrics."""

    task: int
    parameters: bytes
    metrics: StepMetrics


class MetaTaskFailedError(Exception):
    """A task could not be learned; `outcome` is that of the pretraining, `log` what was printed."""

    def __init__(self, outcome: Outcome, log: str = "") -> None:
        """Carry both."""
        self.outcome, self.log = outcome, log
        super().__init__(outcome.error.message if outcome.error else outcome.status)


class MetaTaskExecutor(Protocol):
    """Has tasks learned, on other machines say."""

    def learn(
        self,
        job: PretrainingJob,
        device: DeviceIdentity,
        request: MetaTaskRequest,
        is_wanted: Callable[[], bool],
        say: Callable[[str], None],
    ) -> Generator[MetaTaskResult, None, None]:
        """Give what each task has led to, as it comes; to close the generator stops the rest.

        Args:
            job: of the pretraining, with the folders of this machine.
            device: which is to compute.
            request: what is to be learned.
            is_wanted: whether anybody still waits; the generator ends soon after nobody does.
            say: reports a sentence to the person, such as that there is no worker.

        Raises:
            MetaTaskFailedError: the method has failed, or what computed was lost again and again.
            HarnessError: nothing can be learned there.
        """


def received(connection: Connection) -> MetaTaskRequest | None:
    """Wait for what a process asks for; return None once it has ended."""
    try:
        request: MetaTaskRequest = connection.recv()
    except (EOFError, OSError):
        return None
    return request


@dataclass(frozen=True)
class RemoteClient(ProcessGroup):
    """The group of a process that does all of a pretraining but learn its tasks.

    Attributes:
        asking: its connection to who has them learned, see `serve`.
    """

    asking: Connection = field(kw_only=True)

    def shard(self, tasks: Sequence[int]) -> list[int]:  # noqa: ARG002 - whichever they are
        """Return none."""
        return []

    def fetch(self, request: Callable[[], MetaTaskRequest]) -> Iterator[MetaTaskResult]:
        """Have tasks learned; give what each has led to, as it comes.

        Raises:
            ProcessGroupError: nobody is there any more.
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
    """Have learned what the process at the other end of a connection asks for, until it ends.

    Args:
        connection: to a process whose group is a `RemoteClient`; it is closed here, whatever
            happens, so that the process ends, too.
        meta_tasks: does it.
        job: of that process.
        device: see `MetaTaskExecutor`.
        say: see `MetaTaskExecutor`.

    Raises:
        MetaTaskFailedError: see `MetaTaskExecutor`.
        HarnessError: see `MetaTaskExecutor`.
    """

    def is_wanted() -> bool:
        return not connection.poll(0)  # it says nothing before it has its answers, unless it ends

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
