"""What a child process is told: nothing is taken from the environment or the working folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from harness.experiment.pretraining import Pretraining
from harness.experiment.trial import Trial

__all__ = ["Job", "PretrainingJob", "TrialJob"]


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


class PretrainingJob(_Job):
    """An offline stage, and the file that it is to leave."""

    kind: Literal["pretraining"] = "pretraining"
    pretraining: Pretraining
    params: dict[str, Any]  # all of the method's, to make it with
    torch_device: str
    checkpoint: Path


Job = Annotated[TrialJob | PretrainingJob, Field(discriminator="kind")]
