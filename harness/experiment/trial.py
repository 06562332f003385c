"""A trial: one method, on one data set setting, on one device, under one budget, with one seed."""

from __future__ import annotations

import re
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, Field

from harness.canonical import SparseModel, digest
from harness.contracts import ArchitectureSpace, DeviceMode
from harness.devices.profile import DeviceProfile
from harness.experiment.budget import Budget
from harness.experiment.setting import Setting
from harness.space.spec import METANAS, SearchSpace
from harness.system.text import shortened

__all__ = [
    "CodeIdentity",
    "DatasetIdentity",
    "DeviceIdentity",
    "Identity",
    "MethodIdentity",
    "SpaceIdentity",
    "Trial",
]


class Identity(BaseModel):
    """A part of what defines a trial: immutable, and without unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class MethodIdentity(Identity):
    """A method with its parameters, and the version of the distribution it came from."""

    name: str
    version: str
    distribution: str
    params: dict[str, Any]
    label: str  # as people write it: the name, with the parameters that are not the defaults


class DatasetIdentity(Identity, SparseModel):
    """A data set: its content is its fingerprint; name and parameters only say how to find it."""

    SPARSE: ClassVar[frozenset[str]] = frozenset({"images"})

    name: str
    params: dict[str, Any]
    fingerprint: str
    image_shape: tuple[int, int, int]  # channels, height, width
    classes: int | None = None  # of a full task; of few-shot tasks the setting says how many
    label: str  # as people write it
    overlap: str = ""  # what of the tested split is learned from as well, in words
    images: str = ""  # beside a table: the fingerprint of what scores are computed of


class DeviceIdentity(Identity):
    """A device with its profile, and whether it is measured or emulated in this trial."""

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
    def of(cls, space: SearchSpace | ArchitectureSpace) -> SpaceIdentity:
        """Return the identity of a space."""
        return cls(
            name=space.name,
            version=space.version,
            cells=space.cells,
            nodes=space.nodes,
            operations=space.operations,
        )


class CodeIdentity(Identity, SparseModel):
    """Digests of the sources that a trial's numbers depend on; empty: the harness's own class.

    See `harness.planning.code`.

    Attributes:
        offline: of the harness, what pretraining depends on; empty where there is none.
        on_device: of the harness, what a search depends on; empty for a pretraining.
        method: the method's package.
        dataset: the package of the class that reads the data set.
        device: the package of the device's class.
        space: the package of the search space.
        score: the package of the zero-cost score that architectures are evaluated by.
    """

    SPARSE: ClassVar[frozenset[str]] = frozenset({"space", "score"})

    offline: str = ""
    on_device: str = ""
    method: str = ""
    dataset: str = ""
    device: str = ""
    space: str = ""
    score: str = ""

    def of_pretraining(self) -> CodeIdentity:
        """Return what a checkpoint depends on."""
        return self.model_copy(update={"on_device": "", "device": "", "score": ""})

    def difference(self, other: CodeIdentity | None) -> str:
        """Name the packages whose code differs from that of `other`; empty if none does."""
        if other is None:
            return "what code made them was not kept then"
        changed = [
            words for name, words in SOURCES.items() if getattr(self, name) != getattr(other, name)
        ]
        return f"changed since: {', '.join(dict.fromkeys(changed))}" if changed else ""


SOURCES = {
    "offline": "the harness",
    "on_device": "the harness",
    "method": "the method's package",
    "dataset": "the data set's package",
    "device": "the device's package",
    "space": "the space's package",
    "score": "the score's package",
}


class Trial(Identity):
    """The unit that runs, fails and resumes."""

    method: MethodIdentity
    dataset: DatasetIdentity
    setting: Setting
    device: DeviceIdentity
    budget: Budget
    seed: int
    space: SpaceIdentity = SpaceIdentity.of(METANAS)
    counts_memory: bool = True  # False where only time is wanted: counting slows steps down
    code: CodeIdentity | None = None  # trials of earlier versions do not say

    @property
    def key(self) -> str:
        """The SHA-256 of what defines the trial; never of time, path or order."""
        code = {} if self.code is None else {"code": self.code.model_dump(mode="json")}
        images = {"images": self.dataset.images} if self.dataset.images else {}
        return digest(
            {
                **code,
                **images,
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
    def key_whatever_the_code(self) -> str:
        """The key without digests of code, as earlier versions had it."""
        return self.model_copy(update={"code": None}).key

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
