"""A device's profile: the numbers that describe it, each with its source.

name = "jetson"
model = "NVIDIA Jetson Nano 2 GB"
kind = "cuda"
recognised_by = ["*Jetson Nano 2GB*"]

[memory]
total_bytes = 2_147_483_648
system_bytes = 1_073_741_824
reserved_bytes = 402_653_184

[compute]
fp32_flops = 236e9
bandwidth_bytes_s = 25.6e9
launch_s = 30e-6

[sources]
memory.total_bytes = "the data sheet"
compute.fp32_flops = "the data sheet"
...
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.canonical import digest
from harness.cost_model.profile import CostProfile
from harness.errors import UsageError
from harness.fields import explain
from harness.system.text import NotTextError, parsed_toml, read_text, read_toml

__all__ = [
    "ANY_MACHINE",
    "ComputeProfile",
    "DeviceProfile",
    "MemoryProfile",
    "ProfileError",
    "check_destination",
    "parse_profile",
    "profile_toml",
    "read_profile",
]

ANY_MACHINE = "*"  # in `recognised_by`: the device is whatever computes here

Text = Annotated[str, Field(min_length=1)]
# Bounds that every real machine is within, but not a number in the wrong unit: 236 for 236 GFLOP/s,
# 25.6 for 25.6 GB/s, 30 for 30 microseconds.
Flops = Annotated[float, Field(ge=1e6, le=1e18, allow_inf_nan=False)]
BytesPerSecond = Annotated[float, Field(ge=1e6, le=1e15, allow_inf_nan=False)]
Watts = Annotated[float, Field(gt=0, le=1e5, allow_inf_nan=False)]
LaunchSeconds = Annotated[float, Field(gt=0, le=0.1, allow_inf_nan=False)]

MARK = "# Written by `harness devices calibrate`, which overwrites a file that begins like this."
_BARE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


class ProfileError(UsageError):
    """A device profile that cannot be used.

    Attributes:
        fault: what is wrong, without the file: a clause that has `it` as subject, or one that names
            the key and what it takes.
    """

    def __init__(self, where: str, fault: str) -> None:
        """Compose the sentence from where the profile is and what is wrong there."""
        self.fault = fault
        super().__init__(f"device profile {where}: {fault}")


class MemoryProfile(BaseModel):
    """How a device's memory is shared out, in bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    total_bytes: int = Field(ge=1, description="all memory of the device")
    system_bytes: int = Field(ge=0, description="what the operating system takes of it")
    reserved_bytes: int = Field(
        ge=0, description="what the CUDA context and the runtime take, before any tensor"
    )

    @property
    def limit_bytes(self) -> int:
        """What is left for tensors."""
        return self.total_bytes - self.system_bytes - self.reserved_bytes

    @model_validator(mode="after")
    def _leaves_something(self) -> MemoryProfile:
        if self.limit_bytes < 1:
            raise ValueError(
                "system_bytes and reserved_bytes together must be less than total_bytes"
            )
        return self


class ComputeProfile(BaseModel):
    """A device's peak rates, and what launching a kernel costs."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    fp32_flops: Flops = Field(description="peak rate in float32, in FLOP/s")
    fp16_flops: Flops | None = Field(default=None, description="peak rate in float16, in FLOP/s")
    bandwidth_bytes_s: BytesPerSecond = Field(
        description="peak rate of reading and writing memory, in bytes/s"
    )
    launch_s: LaunchSeconds = Field(description="seconds to launch one kernel")
    busy_w: Watts | None = Field(
        default=None,
        description="watts while it computes, by which energy is predicted; of a budget or a "
        "maximum rather too much",
    )


class DeviceProfile(BaseModel):
    """What the harness knows about a device; immutable, and the same on every machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Text = Field(description="what the device is registered as")
    model: Text = Field(description="maker and model, as people know it")
    kind: Literal["cpu", "cuda"] = Field(description="what computes on the device itself")
    recognised_by: list[Text] = Field(
        default_factory=list,
        description="names of machines that are this device, as patterns in which '*' is any text; "
        "capitals do not matter; '*' alone: every machine is; without it none is, and the device "
        "is always emulated",
    )
    memory: MemoryProfile | None = Field(
        default=None, description="without it no limit is modelled"
    )
    compute: ComputeProfile | None = Field(
        default=None, description="without it no rate is modelled"
    )
    cost: CostProfile | None = Field(
        default=None, description="what a calibration has found; without it no time is predicted"
    )
    sources: dict[str, Text] = Field(
        default_factory=dict, description="for each number, where it comes from"
    )

    @property
    def memory_limit_bytes(self) -> int | None:
        """Bytes that tensors may take at once; None where no limit is modelled."""
        return None if self.memory is None else self.memory.limit_bytes

    @property
    def can_be_emulated(self) -> bool:
        """Whether another machine can emulate it: it has a limit or a rate."""
        return any(table is not None for table in (self.memory, self.compute, self.cost))

    def recognises(self, names: Iterable[str]) -> bool:
        """Return whether a machine that goes by these names is this device."""
        patterns = [pattern.lower() for pattern in self.recognised_by]
        return ANY_MACHINE in patterns or any(
            fnmatchcase(name.lower(), pattern) for name in names for pattern in patterns
        )

    def digest(self) -> str:
        """Return a SHA-256 over the device and its numbers.

        What changes no result is left out: the wording of the sources, the power it draws, and how
        the device is recognised (the trial's mode says whether it was). The cost model is included,
        since it changes predicted times; without one, the digest is as it was before there were
        cost models.
        """
        of_cost = True if self.cost is None else {"provenance"}
        drawn = {"busy_w"}
        left_out: Any = {"sources": True, "recognised_by": True, "compute": drawn, "cost": of_cost}
        return digest(self.model_dump(mode="json", exclude=left_out))

    @field_validator("sources", mode="before")
    @classmethod
    def _join_keys(cls, sources: Any) -> Any:
        """Join the nested tables that TOML makes of `memory.total_bytes = "..."`."""
        return _flattened(sources) if isinstance(sources, Mapping) else sources

    @model_validator(mode="after")
    def _every_number_has_a_source(self) -> DeviceProfile:
        tables = self.model_dump(include={"memory", "compute"}, exclude_none=True)
        numbers = set(_flattened(tables))
        if missing := sorted(numbers - set(self.sources)):
            raise ValueError(f"'sources' must say where {_listed(missing)} comes from")
        if idle := sorted(set(self.sources) - numbers):
            raise ValueError(f"'sources' has {_listed(idle)}, which this profile has no number for")
        return self


def read_profile(path: Path) -> DeviceProfile:
    """Read a profile from a TOML file.

    Raises:
        ProfileError: the file cannot be read, or is wrong; see `parse_profile`.
    """
    try:
        text, _ = read_toml(path)
    except NotTextError as error:
        raise ProfileError(str(path), str(error)) from None
    return parse_profile(text, str(path))


def parse_profile(text: str, where: str) -> DeviceProfile:
    """Read a profile from TOML text.

    Args:
        text: the TOML.
        where: what messages call it, such as the file's name.

    Raises:
        ProfileError: it is not TOML (the message has the line), or a key or value is wrong (the
            message has the key and what it takes).
    """
    try:
        return DeviceProfile.model_validate(parsed_toml(text))
    except ValidationError as error:
        raise ProfileError(where, explain(error, DeviceProfile)) from None
    except NotTextError as error:
        raise ProfileError(where, str(error)) from None


def _flattened(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Join the keys of nested tables by dots."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _flattened(value, f"{prefix}{key}.")
        else:
            flat[prefix + key] = value
    return flat


def _listed(keys: list[str]) -> str:
    return ", ".join(f"'{key}'" for key in keys)


def check_destination(path: Path, *, force: bool) -> None:
    """Check early that a path can be written, and that no other file would be lost.

    Args:
        path: where a profile is to be written.
        force: whether any file there may be overwritten.

    Raises:
        UsageError: it must not or cannot be written there; the message says why.
    """
    if path.suffix != ".toml":
        raise UsageError(f"the name of a device profile must end in .toml, and '{path}' does not")
    if path.is_dir():
        raise UsageError(f"{path} is a folder, and a device profile is a file")
    if not os.access(path.parent, os.W_OK):
        reason = "is not writable" if path.parent.is_dir() else "is not a folder"
        raise UsageError(f"{path} cannot be written: {path.parent} {reason}")
    if path.exists() and not force and not _begins_with_mark(path):
        raise UsageError(f"{path} was not written by calibration; --force overwrites it")


def profile_toml(profile: DeviceProfile) -> str:
    """Return the profile as TOML, without keys that have no value."""
    return "\n".join([MARK, *_table(profile.model_dump(exclude_none=True))]) + "\n"


def _begins_with_mark(path: Path) -> bool:
    try:
        return read_text(path).partition("\n")[0] == MARK
    except (OSError, NotTextError):
        return False


def _table(values: Mapping[str, Any], path: str = "") -> Iterator[str]:
    """Yield the lines of a table: its own keys have to come before the tables below it."""
    inside = {key: value for key, value in values.items() if not isinstance(value, Mapping)}
    if path and inside:
        yield from ("", f"[{path}]")
    for key, value in inside.items():
        yield f"{_key(key)} = {_value(value)}"
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _table(value, f"{path}.{_key(key)}" if path else _key(key))


def _key(key: str) -> str:
    """Write a key; the dots in those of `sources` stand for tables in tables, which is the same."""
    return key if _BARE.fullmatch(key) else _value(key)


def _value(value: object) -> str:
    """Write text, a number or a list of them as JSON, which is TOML but for one character."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False).replace("\x7f", "\\u007f")
