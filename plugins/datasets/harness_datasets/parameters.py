"""The parameters that the built-in data sets take."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Cifar10Parameters", "FolderParameters"]


class Cifar10Parameters(BaseModel):
    """Parameters of `cifar10`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["few-shot", "full-task"] = Field(
        default="full-task", description="how it is posed"
    )


class FolderParameters(BaseModel):
    """Parameters of `folder`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(
        description="folder, .tar, .tar.gz, .tgz or .zip of <split>/<class>/<image>,"
        " relative to the working directory or to the data root"
    )
    size: int = Field(default=84, ge=8, le=1024, description="height and width in pixels")
    mode: Literal["gray", "rgb"] = Field(default="rgb", description="one channel or three")
    task: Literal["few-shot", "full-task"] = Field(
        default="few-shot", description="how it is posed"
    )
