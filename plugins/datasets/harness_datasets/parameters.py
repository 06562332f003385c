"""The parameters that the built-in data sets take."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = [
    "Cifar10Parameters",
    "Cifar100Parameters",
    "CifarParameters",
    "FolderParameters",
    "PhotosParameters",
    "TorchmetaName",
    "TorchmetaParameters",
]

TorchmetaName = Literal[
    "omniglot",
    "miniimagenet",
    "tieredimagenet",
    "cifar_fs",
    "fc100",
    "cub",
    "doublemnist",
    "triplemnist",
]


class CifarParameters(BaseModel):
    """Parameters that both CIFAR data sets take."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Literal["few-shot", "full-task"] = Field(
        default="full-task", description="how it is posed"
    )
    train_per_class: int | None = Field(
        default=None,
        ge=2,
        description="training images a class, the first ones; all by default",
    )


class Cifar10Parameters(CifarParameters):
    """Parameters of `cifar10`."""


class Cifar100Parameters(CifarParameters):
    """Parameters of `cifar100`."""


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


class PhotosParameters(BaseModel):
    """Parameters of `photos`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    path: Path = Field(
        description="folder or archive of <class>/<photo> or <split>/<class>/<photo>, relative to"
        " the working directory or to the data root"
    )
    size: int = Field(default=64, ge=8, le=1024, description="height and width in pixels")
    mode: Literal["gray", "rgb"] = Field(default="rgb", description="one channel or three")
    held_out: float = Field(
        default=0.2, gt=0, lt=1, description="share of each class that nothing learns from"
    )
    seed: int = Field(default=0, ge=0, description="draws which photos these are")
    part: Literal["all", "rehearsal"] = Field(
        default="all",
        description="rehearsal leaves the photos that are held out aside, and holds out others of"
        " the rest: to choose a method by",
    )


class TorchmetaParameters(BaseModel):
    """Parameters of `torchmeta`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: TorchmetaName = Field(description="which of torchmeta's data sets")
    split: Literal["authors", "vinyals"] = Field(
        default="authors",
        description="of omniglot: its authors' background and evaluation alphabets, or the train,"
        " val and test characters of Vinyals et al. (2016), which only torchmeta's own files tell",
    )

    @model_validator(mode="after")
    def _only_omniglot_has_two_splits(self) -> TorchmetaParameters:
        if self.split != "authors" and self.name != "omniglot":
            raise ValueError("only omniglot has a choice of splits")
        return self
