"""Jobs: all that a child process needs to know, without the environment or the working folder.

A kind of job is a subclass of `Job` that names the function to call. It registers itself, so no
list of kinds is kept elsewhere.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from harness.experiment.pretraining import Pretraining
from harness.experiment.trial import CodeIdentity, DatasetIdentity, DeviceIdentity, Trial

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.experiment.outcome import Outcome, Stage
    from harness.plugins.loading import Plugins
    from harness.runtime.process_group import ProcessGroup

__all__ = ["Job", "MetaWorkerJob", "PretrainingJob", "TrialJob"]


class RunsJob(Protocol):
    """Does a job in the process that it is called in."""

    def __call__(
        self,
        plugins: Plugins,
        job: Any,
        send: Callable[[dict[str, Any]], None],
        group: ProcessGroup,
    ) -> Outcome:
        """Return the outcome; `send` reports events to the parent meanwhile."""


class Job(BaseModel):
    """What a process has to do; travels as JSON.

    Attributes:
        runner: the function that does the job (see `RunsJob`), as "module:function".
        noun: what messages call the job.
        stage: the stage in an error's record if the process dies.
        kinds: all kinds of jobs.
        data_root: where data sets are; None: no folder was given.
        cache_root: where decoded images and checkpoints are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    runner: ClassVar[str]
    noun: ClassVar[str] = "pretraining"
    stage: ClassVar[Stage] = "pretraining"
    kinds: ClassVar[list[type[Job]]] = []

    data_root: Path | None
    cache_root: Path

    @property
    def method_name(self) -> str:
        """The method's name; each kind has one."""
        raise NotImplementedError

    @property
    def code(self) -> CodeIdentity | None:
        """The code that the job was planned with; None: it is not checked."""
        return None

    @classmethod
    def __pydantic_init_subclass__(cls, **options: Any) -> None:
        """Register the kind."""
        super().__pydantic_init_subclass__(**options)
        cls.kinds.append(cls)

    @classmethod
    def import_runner(cls) -> RunsJob:
        """Import the function that does jobs of this kind, which may import torch."""
        module, _, function = cls.runner.partition(":")
        runner: RunsJob = getattr(import_module(module), function)
        return runner


class TrialJob(Job):
    """A trial, and the checkpoint that it starts from."""

    runner: ClassVar[str] = "harness.trials.trial:run_trial"
    noun: ClassVar[str] = "trial"
    stage: ClassVar[Stage] = "search"

    trial: Trial
    pretraining: Pretraining | None = None
    checkpoint: Path | None = None  # of that pretraining; None: the method is not pretrained
    model: Path | None = None  # the folder to keep the network in; None: it is not kept
    shows_images: bool = False  # whether examples are kept even if the data set does not permit it

    @property
    def method_name(self) -> str:
        """The method's name."""
        return self.trial.method.name

    @property
    def dataset(self) -> DatasetIdentity:
        """Where its images are from."""
        return self.trial.dataset

    @property
    def code(self) -> CodeIdentity | None:
        """What code it was planned with."""
        return self.trial.code


class MetaWorkerJob(Job):
    """Learning tasks of a pretraining for another process, which sends them one after another.

    Attributes:
        params: all parameters of the method.
        device: the device that computes.
    """

    runner: ClassVar[str] = "harness.pretraining.inner_loop:run_meta_worker"

    pretraining: Pretraining
    params: dict[str, Any]
    device: DeviceIdentity

    @property
    def method_name(self) -> str:
        """The method's name."""
        return self.pretraining.method.name

    @property
    def code(self) -> CodeIdentity | None:
        """What code it was planned with."""
        return self.pretraining.code

    @property
    def dataset(self) -> DatasetIdentity:
        """Where its images are from."""
        return self.pretraining.dataset


class PretrainingJob(Job):
    """A pretraining, and the checkpoint file to write."""

    runner: ClassVar[str] = "harness.pretraining.loop:run_pretraining"

    pretraining: Pretraining
    params: dict[str, Any]  # all of the method's, to make it with
    torch_device: str
    checkpoint: Path

    @property
    def method_name(self) -> str:
        """The method's name."""
        return self.pretraining.method.name

    @property
    def code(self) -> CodeIdentity | None:
        """What code it was planned with."""
        return self.pretraining.code

    def meta_worker_job(self, device: DeviceIdentity) -> MetaWorkerJob:
        """Return the job of a process that learns tasks for it on a device."""
        return MetaWorkerJob(
            pretraining=self.pretraining,
            params=self.params,
            device=device,
            data_root=self.data_root,
            cache_root=self.cache_root,
        )
