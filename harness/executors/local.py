"""`-j N`: workers of this machine, in threads of this process; each trial has its own process.

It is the path that trials take over many machines, without a connection that others could use.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from harness.contracts import Device, DeviceMode
from harness.devices.at_hand import choose_mode
from harness.executors.base import Happening
from harness.executors.dask.dispatch import Dispatcher
from harness.executors.dask.link import Link
from harness.executors.dask.protocol import Orders
from harness.plugins.loading import Plugins
from harness.plugins.selection import Selection
from harness.runtime.fork_server import let_threads_sleep
from harness.runtime.job import TrialJob

if TYPE_CHECKING:
    from distributed import Client, SpecCluster

__all__ = ["Crew"]

# Dask serves pages over HTTP, whatever it is told: then none, and to this machine alone.
_UNSERVED: dict[str, Any] = {"dashboard": False, "dashboard_address": "127.0.0.1:0"}
_NO_PAGES: dict[str, Any] = {
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
}


class Crew:
    """Several workers on this machine (an `Executor`)."""

    same_machine = True
    learner = None  # several processes of this machine share a pretraining already

    def __init__(self, plugins: Plugins, size: int) -> None:
        """Have `size` trials side by side; no worker is started yet."""
        self._plugins, self._size = plugins, size
        if size > 1:
            let_threads_sleep()

    def choose_mode(
        self, selection: Selection, device: Device, wanted: DeviceMode | None
    ) -> DeviceMode:
        """Say what a device is on this machine."""
        return choose_mode(selection.name, device, wanted)

    def run(
        self, jobs: Iterable[TrialJob], say: Callable[[str], None]
    ) -> Generator[Happening, None, None]:
        """Run the jobs (see `Executor`)."""
        everything = list(jobs)
        if not everything:
            return
        size = min(self._size, len(everything))
        notes = {"trials_side_by_side": size}
        orders = Orders(self._plugins, same_machine=True, patience_s=0.0, notes=notes)
        with _cluster(_resources(everything, size)) as cluster:
            link = Link("this machine", lambda timeout_s: _client(cluster, timeout_s))
            try:
                with closing(Dispatcher(link, orders, say).run(everything)) as happenings:
                    yield from happenings
            finally:
                link.close()


def _resources(jobs: Iterable[TrialJob], size: int) -> list[dict[str, float]]:
    """Say what each worker offers: a device that is really here, other than the processor, once."""
    devices = {job.trial.device.name: job.trial.device for job in jobs}
    alone = {
        name
        for name, device in devices.items()
        if device.mode == "measured" and device.profile.kind != "cpu"
    }
    return [
        {name: 1.0 for name in devices if number == 0 or name not in alone}
        for number in range(size)
    ]


@contextmanager
def _cluster(resources: list[dict[str, float]]) -> Iterator[SpecCluster]:
    import dask  # noqa: PLC0415 - see `require_dask`
    from distributed import Scheduler, SpecCluster, Worker  # noqa: PLC0415 - see `require_dask`

    common = {"nthreads": 1, "memory_limit": 0, **_UNSERVED}
    workers = {
        number: {"cls": Worker, "options": {**common, "resources": offered}}
        for number, offered in enumerate(resources)
    }
    scheduler = {"cls": Scheduler, "options": {"protocol": "inproc://", **_UNSERVED}}
    with (
        dask.config.set(_NO_PAGES),
        SpecCluster(scheduler=scheduler, workers=workers, silence_logs=False) as cluster,
    ):
        yield cluster


def _client(cluster: SpecCluster, timeout_s: float) -> Client:
    from distributed import Client  # noqa: PLC0415 - see `require_dask`

    return Client(cluster, timeout=timeout_s, set_as_default=False, name="harness")
