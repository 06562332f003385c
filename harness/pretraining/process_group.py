"""Processes that learn the tasks of one pretraining together.

A task depends on the meta parameters and on its number alone. So the processes share out the tasks
of a meta-epoch, hand one another what these have led to, and then each does the same meta update:
all of them hold the same meta parameters, to the bit those of a process that works alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from harness.pretraining.meta_task_request import Learned, Lessons

__all__ = ["ALONE", "Place", "TeamLostError"]

T = TypeVar("T")


class TeamLostError(Exception):
    """Another process of the team has ended; what became of it says why."""


@dataclass(frozen=True)
class Place:
    """A process's place in its team.

    Attributes:
        rank: its number; 0 leads: it alone reads, reports and writes.
        size: how many processes there are.
        connections: the leader's to each of the others in order, or another's to the leader.
    """

    rank: int
    size: int
    connections: Sequence[Connection] = ()

    @property
    def leads(self) -> bool:
        """Whether it is the leader."""
        return self.rank == 0

    def own(self, tasks: Sequence[int]) -> list[int]:
        """Return the tasks that are this process's to learn; the leader has no more than others."""
        return [task for task in tasks if task % self.size == self.size - 1 - self.rank]

    def fetch(self, lessons: Callable[[], Lessons]) -> Iterator[Learned]:  # noqa: ARG002 - nobody is there
        """Return what is learned outside of the team: nothing; see `Elsewhere`."""
        return iter(())

    def broadcast(self, value: T) -> T:
        """Return the leader's value in every process.

        Raises:
            TeamLostError: a process has ended.
        """
        if not self.leads:
            received: T = self._receive(self.connections[0])
            return received
        for connection in self.connections:
            self._send(connection, value)
        return value

    def gather(self, values: dict[int, T]) -> dict[int, T]:
        """Return the values of all processes in every process, by the number of their task.

        Raises:
            TeamLostError: a process has ended.
        """
        if not self.leads:
            self._send(self.connections[0], values)
            return self.broadcast(values)
        everything = dict(values)
        for connection in self.connections:
            everything |= self._receive(connection)
        return self.broadcast(dict(sorted(everything.items())))

    def close(self) -> None:
        """Close the connections."""
        for connection in self.connections:
            connection.close()

    def _send(self, connection: Connection, value: Any) -> None:
        try:
            connection.send(value)
        except OSError as error:
            raise TeamLostError("another process of this pretraining has ended") from error

    def _receive(self, connection: Connection) -> Any:
        try:
            return connection.recv()
        except (EOFError, OSError) as error:
            raise TeamLostError("another process of this pretraining has ended") from error


ALONE = Place(rank=0, size=1)
