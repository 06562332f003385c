"""What a device must be, and what it can be besides."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from harness.devices.profile import DeviceProfile

__all__ = [
    "Device",
    "DeviceMode",
    "ReadsMetrics",
]

DeviceMode = Literal["measured", "emulated"]


class Device(Protocol):
    """A device that trials run on, or are emulated for; called with its parameters model.

    Most need no class of their own: `harness.devices.at_hand.ProfiledDevice` is what a TOML file
    describes.
    """

    profile: DeviceProfile

    def mode(self) -> DeviceMode:
        """Say whether this machine is the device, or could only stand in for it."""

    def torch_device(self) -> str:
        """Name the torch device on this machine that computes, such as `cpu` or `cuda:0`."""


@runtime_checkable
class ReadsMetrics(Protocol):
    """What a device has besides if it can read numbers of its own, such as a power meter's.

    It is asked only where this machine is the device.
    """

    def measuring(self) -> AbstractContextManager[None]:
        """Enclose each search step of a trial, in the process that runs it."""

    def metrics(self) -> Mapping[str, float]:
        """Return what was read over all search steps, by the names of registered metrics."""
