"""What a trial's process is told: nothing is taken from the environment or the working folder."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict

from harness.experiment.trial import Trial

__all__ = ["TrialJob"]


class TrialJob(BaseModel):
    """A trial, and where its images are; travels as JSON."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    trial: Trial
    data_root: Path | None
    cache_root: Path
