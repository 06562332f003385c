"""Devices from people's own TOML files, which `HARNESS_DEVICES` names, or the folders of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from harness.errors import PluginError
from harness.plugins.registry import Entry, PluginSource, check_name
from harness.system.text import is_leftover, read_toml

__all__ = ["DEVICES_VARIABLE", "ProfileFile", "device_of", "profile_files"]

DEVICES_VARIABLE = "HARNESS_DEVICES"


@dataclass(frozen=True)
class ProfileFile(PluginSource):
    """A file as the source of a device: its distribution is its path, and it has no version."""

    def __str__(self) -> str:
        """Name it so that a person knows what to correct or take away."""
        return f"profile '{self.name}' ({self.distribution})"

    @property
    def remedy(self) -> str:
        """What to do if something is wrong with it."""
        return f"correct {self.distribution}, or take it out of {DEVICES_VARIABLE}"


def profile_files() -> list[ProfileFile]:
    """Return each file that `HARNESS_DEVICES` names, and each `NAME.toml` of its folders."""
    named = os.environ.get(DEVICES_VARIABLE, "").split(os.pathsep)
    paths = [path for name in named if name for path in _in(_absolute(name))]
    return [ProfileFile(_name_in(path), str(path), "") for path in dict.fromkeys(paths)]


def device_of(file: ProfileFile) -> Entry:
    """Return the device that a file describes.

    Raises:
        PluginError: the profile is wrong; the message has the key and what it takes.
    """
    from harness.devices.profile import (  # noqa: PLC0415 - imports pydantic; `list` does without
        ProfileError,
        read_profile,
    )

    path = Path(file.distribution)
    try:
        profile = read_profile(path)
    except ProfileError as error:
        raise PluginError(error.fault) from None
    if path.suffix.lower() != ".toml":
        raise PluginError("the name of the file must end in .toml")
    check_name("device", profile.name)
    summary = " ".join(profile.model.split())
    return Entry("device", profile.name, str(path), None, summary, file)


def _absolute(name: str) -> Path:
    """Return a path with `~` expanded; if that is not possible, reading it reports the problem."""
    return Path(os.path.expanduser(name.rstrip("\r\n"))).absolute()  # noqa: PTH111 - see above


def _in(path: Path) -> list[Path]:
    """Return the profiles in a folder; a path that is no folder is returned as a file."""
    try:
        inside = sorted(path.iterdir())
    except OSError:
        return [path]
    files = [each for each in inside if not (each.is_fifo() or each.is_socket())]
    return [each for each in files if each.suffix.lower() == ".toml" and not is_leftover(each.name)]


def _name_in(path: Path) -> str:
    """Return the device's name, or the file's own if it cannot be read."""
    try:
        name: str = read_toml(path).table["name"]
        check_name("device", name)
    except (OSError, ValueError, KeyError, PluginError):
        return path.stem
    return name
