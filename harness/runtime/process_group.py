"""Processes that do one job together, with the words of `torch.distributed`: rank, world size.

Those of a pretraining share out the tasks of a meta-epoch, hand one another what these have led to,
and then each does the same meta update. A task depends on the meta parameters and on its number
alone, so all of them hold the same meta parameters, to the bit those of a process that works alone.

`torch.distributed` itself would have each process import and initialise a backend, and a process
that dies leaves the others waiting for a timeout; over pipes it is missed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

__all__ = ["ALONE", "ProcessGroup", "ProcessGroupError"]

T = TypeVar("T")


class ProcessGroupError(Exception):
    """Another process of the group has ended; what became of it says why."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one job, as one of them sees them.

    Attributes:
        rank: its number; 0 leads: it alone reads, reports and writes.
        world_size: how many processes there are.
        connections: the leader's to each of the others in order, or another's to the leader.
    """

    rank: int
    world_size: int
    connections: Sequence[Connection] = ()

    @property
    def is_leader(self) -> bool:
        """Whether it is the leader."""
        return self.rank == 0

    def shard(self, tasks: Sequence[int]) -> list[int]:
        """Return the tasks that are this process's to learn; the leader has no more than others."""
        return [task for task in tasks if task % self.world_size == self.world_size - 1 - self.rank]

    def fetch(self, request: Callable[[], Any]) -> Iterator[Any]:  # noqa: ARG002 - nobody is there
        """Return what is done outside of the group: nothing; see `RemoteClient`."""
        return iter(())

    def broadcast(self, value: T) -> T:
        """Return the leader's value in every process.

        Raises:
            ProcessGroupError: a process has ended.
        """
        if not self.is_leader:
            received: T = self._receive(self.connections[0])
            return received
        for connection in self.connections:
            self._send(connection, value)
        return value

    def all_gather(self, values: dict[int, T]) -> dict[int, T]:
        """Return the values of all processes in every process, by the number of their task.

        Raises:
            ProcessGroupError: a process has ended.
        """
        if not self.is_leader:
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
            raise ProcessGroupError("another process of this pretraining has ended") from error

    def _receive(self, connection: Connection) -> Any:
        try:
            return connection.recv()
        except (EOFError, OSError) as error:
            raise ProcessGroupError("another process of this pretraining has ended") from error


ALONE = ProcessGroup(rank=0, world_size=1)
