"""How a data set is posed to a method: as few-shot episodes or as one full task."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["FewShotSetting", "FullTaskSetting", "Setting"]

Count = Annotated[int, Field(ge=1)]


class FewShotSetting(BaseModel):
    """Episodes of `ways` classes with `shots` support and `queries` query images a class."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["few-shot"] = "few-shot"
    split: str = "test"
    ways: Count = 5
    shots: Count = 1
    queries: Count = 15

    @property
    def batch_size(self) -> int:
        """Support images a batch: the paper's table 2 fits 5 for one shot and 15 for more."""
        return min(self.ways * self.shots, 5 if self.shots == 1 else 15)

    @property
    def default_channels(self) -> int:
        """The paper's C for few-shot search."""
        return 28

    def __str__(self) -> str:
        """Say it as the field does: `5-way 1-shot`."""
        return f"{self.ways}-way {self.shots}-shot"

    @property
    def slug(self) -> str:
        """A short name for folders."""
        return f"{self.ways}w{self.shots}s"


class FullTaskSetting(BaseModel):
    """The whole training set; accuracy on the whole test set, once, at the end."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["full-task"] = "full-task"
    split: str = "test"
    batch_size: Count = 128

    @property
    def default_channels(self) -> int:
        """The paper's C for CIFAR (3,460 MB for DARTS fits 16)."""
        return 16

    def __str__(self) -> str:
        """Say what it is."""
        return "full task"

    @property
    def slug(self) -> str:
        """A short name for folders."""
        return "full"


Setting = Annotated[FewShotSetting | FullTaskSetting, Field(discriminator="kind")]
