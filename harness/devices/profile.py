"""A device's profile: the numbers that describe it, each with the place it comes from.

name = "jetson"
model = "NVIDIA Jetson Nano 2 GB"
kind = "cuda"

[memory]
total_bytes = 2_147_483_648
system_bytes = 1_073_741_824
reserved_bytes = 402_653_184

[sources]
memory.total_bytes = "the data sheet"
...
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from harness.errors import UsageError
from harness.experiment.canonical import digest
from harness.fields import explain

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["DeviceProfile", "MemoryProfile", "parse_profile", "read_profile"]

Text = Annotated[str, Field(min_length=1)]


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


class DeviceProfile(BaseModel):
    """What the harness knows about a device; immutable, and the same on every machine."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Text = Field(description="what the device is registered as")
    model: Text = Field(description="maker and model, as people know it")
    kind: Literal["cpu", "cuda"] = Field(description="what computes on the device itself")
    memory: MemoryProfile | None = Field(
        default=None, description="without it no limit is modelled"
    )
    sources: dict[str, Text] = Field(
        default_factory=dict, description="for each number, where it comes from"
    )

    @property
    def memory_limit_bytes(self) -> int | None:
        """Bytes that tensors may take at once; None where no limit is modelled."""
        return None if self.memory is None else self.memory.limit_bytes

    def digest(self) -> str:
        """Return a SHA-256 over all but the sources, whose wording changes no result."""
        return digest(self.model_dump(mode="json", exclude={"sources"}))

    @field_validator("sources", mode="before")
    @classmethod
    def _join_keys(cls, sources: Any) -> Any:
        """Read TOML's `memory.total_bytes = "..."`, which arrives as nested tables."""
        return _flattened(sources) if isinstance(sources, Mapping) else sources

    @model_validator(mode="after")
    def _every_number_has_a_source(self) -> DeviceProfile:
        numbers = set(_flattened(self.model_dump(include={"memory"}, exclude_none=True)))
        if missing := sorted(numbers - set(self.sources)):
            raise ValueError(f"'sources' must say where {_listed(missing)} comes from")
        if idle := sorted(set(self.sources) - numbers):
            raise ValueError(f"'sources' has {_listed(idle)}, which is no number of this profile")
        return self


def read_profile(path: Path) -> DeviceProfile:
    """Read a profile from a TOML file.

    Raises:
        UsageError: the file cannot be read, or is wrong; see `parse_profile`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"device profile {path} cannot be read: {error}") from None
    return parse_profile(text, str(path))


def parse_profile(text: str, where: str) -> DeviceProfile:
    """Read a profile from TOML text.

    Args:
        text: the TOML.
        where: what messages call it, such as the file's name.

    Raises:
        UsageError: it is no TOML (the message has the line), or a key or value is wrong (the
            message has the key and what it takes).
    """
    try:
        return DeviceProfile.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"device profile {where} is not valid TOML: {error}") from None
    except ValidationError as error:
        raise UsageError(f"device profile {where}: {explain(error, DeviceProfile)}") from None


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
