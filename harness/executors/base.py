"""The protocol of executors, which run trials, and the events that they report."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from harness.contracts import Device, DeviceMode
from harness.errors import UsageError
from harness.experiment.outcome import TimedOutcome
from harness.experiment.trial import Trial
from harness.plugins.loading import Plugins
from harness.plugins.selection import Selection
from harness.results.run_files import Step
from harness.runtime.job import TrialJob
from harness.runtime.meta_tasks import MetaTaskExecutor

__all__ = [
    "Executor",
    "ExecutorEvent",
    "ExecutorOptions",
    "TrialDelivery",
    "TrialFinished",
    "TrialLost",
    "TrialStarted",
    "TrialStepped",
    "open_executor",
]


class TrialDelivery(TimedOutcome):
    """An outcome from another machine, with the trial's steps and log; all of it is validated."""

    steps: list[Step]
    log: str


@dataclass(frozen=True)
class TrialStarted:
    """A trial is about to start; it starts when the next event is requested."""

    trial: Trial


@dataclass(frozen=True)
class TrialStepped:
    """A search step is done, or a batch of a long one begins, as its event says.

    On this machine every step is reported once. From other machines some are, only to show
    progress: the delivery has them all.
    """

    trial: Trial
    event: dict[str, Any]


@dataclass(frozen=True)
class TrialFinished:
    """A trial has ended, well or not; another machine sends a `TrialDelivery`."""

    trial: Trial
    outcome: TimedOutcome


@dataclass(frozen=True)
class TrialLost:
    """A trial was given up for a reason that is not its method's, such as a lost worker."""

    trial: Trial
    reason: str


ExecutorEvent = TrialStarted | TrialStepped | TrialFinished | TrialLost


class Executor(Protocol):
    """Runs trials, one or several at a time.

    Attributes:
        same_machine: whether trials run on this machine, with its folders.
        jobs: how many trials, and how many large pretrainings, run at a time on this machine.
        meta_tasks: has tasks of pretraining learned where the trials run; None: here.
    """

    @property
    def same_machine(self) -> bool:
        """Whether trials run on this machine."""

    @property
    def jobs(self) -> int:
        """How many trials run at a time on this machine."""

    @property
    def meta_tasks(self) -> MetaTaskExecutor | None:
        """Has tasks of pretraining learned where the trials run; None: here."""

    def mode_of(
        self, selection: Selection, device: Device, wanted: DeviceMode | None
    ) -> DeviceMode | None:
        """Say what a device is where the trials will run; None: it cannot be used there.

        Args:
            selection: of the device.
            device: the device.
            wanted: what a person has asked for; workers that are yet to come are assumed to be
                capable of it.

        Raises:
            HarnessError: nothing there can tell.
        """

    def run(
        self,
        jobs: Iterable[TrialJob],
        log_of: Callable[[Trial], Path],
        say: Callable[[str], None],
    ) -> Generator[ExecutorEvent, None, None]:
        """Run every job once; yield what happens, in the thread that asks.

        Closing the generator stops the trials that are running.

        Args:
            jobs: what is to be done.
            log_of: names the file on this machine that a trial prints to; its folder exists once
                `TrialStarted` has been consumed.
            say: reports a sentence to the person, such as that there is no worker.

        Raises:
            HarnessError: the trials cannot be run there.
        """


@dataclass(frozen=True)
class ExecutorOptions:
    """Where trials run.

    Attributes:
        jobs: how many side by side on this machine; None: one.
        executor: this machine, or the workers of a Dask scheduler.
        scheduler: the address of that scheduler.
    """

    jobs: int | None = None
    executor: Literal["local", "dask"] = "local"
    scheduler: str | None = None

    def check(self) -> None:
        """Check that the options go together.

        Raises:
            UsageError: two options contradict each other, or one is missing.
        """
        if self.executor == "dask" and self.scheduler is None:
            raise UsageError("--executor dask needs the scheduler's address: --scheduler tcp://...")
        if self.executor == "dask" and self.jobs is not None:
            raise UsageError(
                "--jobs is for this machine; with --executor dask there are as many trials side "
                "by side as there are workers"
            )
        if self.executor == "local" and self.scheduler is not None:
            raise UsageError("--scheduler is for --executor dask, which was not given")


@contextmanager
def open_executor(options: ExecutorOptions, plugins: Plugins) -> Iterator[Executor]:
    """Open the executor that options name, and close its connection at the end.

    Raises:
        HarnessError: options do not go together, or Dask or its scheduler is not there.
    """
    options.check()
    if options.scheduler is None:
        from harness.executors.local import LocalExecutor  # noqa: PLC0415 - it builds on this module

        yield LocalExecutor(options.jobs or 1)
        return
    # Imported here, since most runs need no scheduler.
    from harness.executors.dask.executor import connected  # noqa: PLC0415 - see above

    with connected(options.scheduler, plugins) as executor:
        yield executor
