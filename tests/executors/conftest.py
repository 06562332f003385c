"""Trials that are handed to workers: what is planned, and processes of Dask to hand them to."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from harness.contracts import DataRequest
from harness.experiment.suite import SuiteEntry
from harness.planning.planner import Planner
from harness.plugins.loading import load_plugins
from harness.runtime.job import TrialJob
from tests.executors.scripted import KilledWorker


@pytest.fixture
def planned(toy_plugin: None, tmp_path: Path) -> Callable[..., list[TrialJob]]:
    """Return `planned(count)`: jobs of the toy method, one a seed."""

    def planned(count: int, **entry: object) -> list[TrialJob]:
        request = DataRequest(None, tmp_path / "cache", print)
        of = {
            "methods": ["toy"],
            "datasets": ["dots"],
            "devices": ["cpu"],
            "budget": "search_steps=1,tasks=1,meta_epochs=0",
            "seeds": f"0-{count - 1}",
            **entry,
        }
        trials = Planner(load_plugins(), request).trials([SuiteEntry.model_validate(of)])
        return [
            TrialJob(trial=trial, data_root=None, cache_root=tmp_path / "cache") for trial in trials
        ]

    return planned


@pytest.fixture
def cluster(tmp_path: Path) -> Callable[[int], Any]:
    """Return `cluster(count)`, a context that gives the scheduler's port and the nannies' pid."""
    environment = {"HARNESS_CACHE": str(tmp_path / "cache of workers")}
    return lambda count: _scheduler_and_workers(tmp_path, count, environment)


@pytest.fixture
def scripted_dask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the little that is asked of Dask itself, which need not be installed."""
    module = ModuleType("distributed")
    module.KilledWorker = KilledWorker  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "distributed", module)


@pytest.fixture
def workers_of() -> Callable[[int], list[int]]:
    """Return `workers_of(nannies)`, the processes of workers that are alive, oldest first."""
    return _processes_below


@pytest.fixture
def cuttable() -> Iterator[Callable[[int], Any]]:
    """Return `cuttable(port)`: another port that leads there, and can be cut."""
    made: list[_Cuttable] = []

    def cuttable(port: int) -> _Cuttable:
        made.append(_Cuttable(port))
        return made[-1]

    yield cuttable
    for each in made:
        each.close()


def _free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _scheduler_and_workers(
    folder: Path, count: int, environment: Mapping[str, str]
) -> Iterator[tuple[int, int]]:
    """Start them as the documentation says; give the scheduler's port and the nannies' process."""
    port = _free_port()
    dask = [sys.executable, "-m", "distributed.cli.dask_scheduler"]
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", f"tcp://127.0.0.1:{port}"]
    options = ["--nworkers", str(count), "--nthreads", "1", "--resources", "cpu=1"]
    commands = [
        [*dask, "--host", "127.0.0.1", "--port", str(port), "--dashboard-address", "127.0.0.1:0"],
        [*worker, *options, "--no-dashboard", "--local-directory", str(folder / "dask")],
    ]
    with (folder / "dask.log").open("wb") as log:
        started = [
            subprocess.Popen(  # noqa: S603 - our own commands
                command, env={**os.environ, **environment}, cwd=folder, stdout=log, stderr=log,
            )
            for command in commands
        ]  # fmt: skip
    try:
        yield port, started[1].pid
    finally:
        for process in reversed(started):
            process.terminate()
        for process in reversed(started):
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=20)
            process.kill()
            process.wait()


def _processes_below(parent: int) -> list[int]:
    """The children of a process that run Python's spawned workers, oldest first."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, IndexError, ValueError):
            fields = (path / "stat").read_text().rpartition(")")[2].split()
            command = (path / "cmdline").read_bytes()
            if int(fields[1]) == parent and b"spawn_main" in command and fields[0] != "Z":
                found.append(int(path.name))
    return sorted(found)


class _Cuttable:
    """A port that leads to another one of this machine, until it is cut; then to it again."""

    def __init__(self, port: int) -> None:
        """Listen; everything that arrives goes to `port`."""
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._open: list[socket.socket] = []
        self.connections = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """Break every connection that is there."""
        for each in self._open:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self._open = []

    def close(self) -> None:
        """Let nobody in any more."""
        with suppress(OSError):  # wakes the thread that waits for somebody
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                inner, _ = self._listener.accept()
                outer = socket.create_connection(("127.0.0.1", self._target))
                self._open += [inner, outer]
                self.connections += 1
                for pair in ((inner, outer), (outer, inner)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()

    @staticmethod
    def _carry(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(2**16):
                target.sendall(data)
        for each in (source, target):
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
