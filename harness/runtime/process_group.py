"""Processes that do one job together, in the terms of `torch.distributed`: rank, world size.

The processes of a pretraining share out the tasks of a meta-epoch, exchange their results, and then
each does the same meta update. The result of a task depends only on the meta parameters and the
task's number, so all processes have the same meta parameters, to the bit, as one that works alone.

With `torch.distributed` itself, each process would have to import and initialise a backend, and if
one died, the others would wait for a timeout; with pipes they notice at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, TypeVar

__all__ = ["ALONE", "ProcessGroup", "ProcessGroupError"]

T = TypeVar("T")


class ProcessGroupError(Exception):
    """Another process of the group has ended; that process's outcome says why."""


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of one job, from the point of view of one of them.

    Attributes:
        rank: the number of this process; 0 is the leader, which alone reads, reports and writes.
        world_size: how many processes there are.
        connections: of the leader, one to each other process in order; of others, to the leader.
    """

    rank: int
    world_size: int
    connections: Sequence[Connection] = ()

    @property
    def is_leader(self) -> bool:
        """Whether this process is the leader."""
        return self.rank == 0

    def shard(self, tasks: Sequence[int]) -> list[int]:
        """Return the tasks that this process does; the leader never gets more than others."""
        return [task for task in tasks if task % self.world_size == self.world_size - 1 - self.rank]

    def learns(self, tasks: Sequence[int]) -> list[int]:
        """Return those of a meta-epoch's tasks that this process is to learn: its share."""
        return self.shard(tasks)

    def fetch(self, request: Callable[[], Any]) -> Iterator[Any]:  # noqa: ARG002 - nobody is there
        """Yield results of tasks from outside of the group: none here, unlike in `RemoteClient`."""
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
