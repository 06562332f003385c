"""A trial: one method, on one data set setting, on one device, under one budget, with one seed."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from harness.canonical import digest
from harness.contracts import DeviceMode
from harness.devices.profile import DeviceProfile
from harness.errors import UsageError
from harness.experiment.budget import Budget
from harness.experiment.setting import Setting
from harness.space.spec import METANAS, SearchSpace, space_named
from harness.system.names import shortened

__all__ = [
    "DatasetIdentity",
    "DeviceIdentity",
    "Identity",
    "MethodIdentity",
    "SpaceIdentity",
    "Trial",
]


class Identity(BaseModel):
    """A part of what defines a trial: it never changes, and has no field that nobody knows."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MethodIdentity(Identity):
    """A method with its parameters, and the version of the distribution it came from."""

    name: str
    version: str
    distribution: str
    params: dict[str, Any]
    label: str  # as people write it: the name, with the parameters that are not the defaults


class DatasetIdentity(Identity):
    """A data set: its content is its fingerprint; name and parameters only say how to find it."""

    name: str
    params: dict[str, Any]
    fingerprint: str
    image_shape: tuple[int, int, int]  # channels, height, width
    classes: int | None = None  # of a full task; of few-shot tasks the setting says how many
    label: str  # as people write it


class DeviceIdentity(Identity):
    """A device, with the profile that its limits come from, and what is made of it here."""

    name: str
    params: dict[str, Any]
    mode: DeviceMode
    profile: DeviceProfile


class SpaceIdentity(Identity):
    """A search space: whatever changes what is searched changes this, and so the trial's key."""

    name: str = Field(description="as people write it")
    version: int = Field(description="counts what changes an operation and not its name")
    cells: tuple[str, ...] = Field(description="their kinds, from the first to the last")
    nodes: int = Field(description="intermediate nodes of a cell")
    operations: tuple[str, ...] = Field(description="that an edge can hold, in the order of α")

    @classmethod
    def of(cls, space: SearchSpace) -> SpaceIdentity:
        """Return the identity of a space."""
        return cls(
            name=space.name,
            version=space.version,
            cells=space.cells,
            nodes=space.nodes,
            operations=space.operations,
        )

    def found(self) -> SearchSpace:
        """Return the space of this identity as this code has it.

        Raises:
            UsageError: there is none, or it has changed since.
        """
        space = space_named(self.name)
        if SpaceIdentity.of(space) != self:
            raise UsageError(f"the search space '{self.name}' has changed since this was planned")
        return space


class Trial(Identity):
    """The unit that runs, fails and resumes."""

    method: MethodIdentity
    dataset: DatasetIdentity
    setting: Setting
    device: DeviceIdentity
    budget: Budget
    seed: int
    space: SpaceIdentity = SpaceIdentity.of(METANAS)
    counts_memory: bool = True  # it costs time, which a person who wants time alone can do without

    @property
    def key(self) -> str:
        """The SHA-256 of what defines the trial; never of time, path or order."""
        return digest(
            {
                "method": self.method.model_dump(mode="json", exclude={"label", "distribution"}),
                "dataset": self.dataset.fingerprint,
                "setting": self.setting.model_dump(mode="json"),
                "device": {
                    **self.device.model_dump(mode="json", exclude={"profile"}),
                    "profile": self.device.profile.digest(),  # not the wording of its sources
                },
                "budget": self.budget.model_dump(mode="json"),
                "seed": self.seed,
                "space": self.space.model_dump(mode="json"),
                "counts_memory": self.counts_memory,
            }
        )

    @property
    def folder_name(self) -> str:
        """A name that a person can read and that no other trial has."""
        words = [
            self.method.name,
            self.dataset.name,
            self.setting.slug,
            self.device.name,
            f"s{self.seed}",
        ]
        return shortened(re.sub(r"[^A-Za-z0-9_.-]+", "-", "-".join(words))) + "-" + self.key[:12]

    def __str__(self) -> str:
        """Say it in one line."""
        return (
            f"{self.method.label} on {self.dataset.name} ({self.setting}), "
            f"{self.device.name}, seed {self.seed}"
        )
