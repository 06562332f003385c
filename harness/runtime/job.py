"""What a child process is told: nothing is taken from the environment or the working folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.experiment.pretraining import Pretraining
from harness.experiment.trial import DatasetIdentity, DeviceIdentity, Trial

__all__ = ["AnyJob", "Job", "LessonsJob", "PretrainingJob", "TrialJob"]


class _Job(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    data_root: Path | None
    cache_root: Path


class TrialJob(_Job):
    """A trial, where its images are, and what it starts from; travels as JSON."""

    kind: Literal["trial"] = "trial"
    trial: Trial
    pretraining: Pretraining | None = None
    checkpoint: Path | None = None  # of that pretraining; None: the method is not pretrained

    @property
    def method_name(self) -> str:
        """The method's name."""
        return self.trial.method.name

    @property
    def dataset(self) -> DatasetIdentity:
        """Where its images are from."""
        return self.trial.dataset


class PretrainingJob(_Job):
    """An offline stage, and the file that it is to leave."""

    kind: Literal["pretraining"] = "pretraining"
    pretraining: Pretraining
    params: dict[str, Any]  # all of the method's, to make it with
    torch_device: str
    checkpoint: Path

    def lessons(self, device: DeviceIdentity) -> LessonsJob:
        """Return the job of a process that learns tasks for it on a device."""
        return LessonsJob(
            pretraining=self.pretraining,
            params=self.params,
            device=device,
            data_root=self.data_root,
            cache_root=self.cache_root,
        )


class LessonsJob(_Job):
    """Tasks of a pretraining that another process is at, which sends them one after another.

    Attributes:
        params: all of the method's.
        device: computes.
    """

    kind: Literal["lessons"] = "lessons"
    pretraining: Pretraining
    params: dict[str, Any]
    device: DeviceIdentity

    @property
    def method_name(self) -> str:
        """The method's name."""
        return self.pretraining.method.name

    @property
    def dataset(self) -> DatasetIdentity:
        """Where its images are from."""
        return self.pretraining.dataset


AnyJob = TrialJob | PretrainingJob | LessonsJob
Job = Annotated[AnyJob, Field(discriminator="kind")]  # as it is read
