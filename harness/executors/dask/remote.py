"""`--executor dask`: the workers of a scheduler that somebody has started."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing

from harness.contracts import Device, DeviceMode
from harness.executors.base import Happening
from harness.executors.dask.dispatch import Dispatcher
from harness.executors.dask.link import Link
from harness.executors.dask.modes import mode_on_workers
from harness.executors.dask.protocol import Orders
from harness.executors.dask.remote_meta_tasks import Teaching
from harness.plugins.loading import Plugins
from harness.plugins.selection import Selection
from harness.pretraining.meta_task_request import TaskLearner
from harness.runtime.job import TrialJob

__all__ = ["RemoteWorkers"]

# A run whose connection was cut has this long to come back, before its trials are stopped.
PATIENCE_S = 15.0


class RemoteWorkers:
    """Workers on other machines (an `Executor`)."""

    same_machine = False

    def __init__(self, plugins: Plugins, link: Link) -> None:
        """Use the workers that `link` leads to."""
        self._plugins, self._link = plugins, link
        orders = Orders(plugins, same_machine=False, patience_s=PATIENCE_S)
        self.learner: TaskLearner = Teaching(link, orders)

    def choose_mode(
        self, selection: Selection, device: Device, wanted: DeviceMode | None
    ) -> DeviceMode:
        """Say what a device is on the workers that offer it."""
        return mode_on_workers(self._link, selection, device, wanted)

    def run(
        self, jobs: Iterable[TrialJob], say: Callable[[str], None]
    ) -> Generator[Happening, None, None]:
        """Run the jobs (see `Executor`)."""
        orders = Orders(self._plugins, same_machine=False, patience_s=PATIENCE_S)
        with closing(Dispatcher(self._link, orders, say).run(jobs)) as happenings:
            yield from happenings
