"""The protocols of devices."""

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
    """A device that trials run on, or that is emulated; called with its parameters model.

    Most devices need no class: a TOML file becomes a `harness.devices.at_hand.ProfiledDevice`.
    """

    profile: DeviceProfile

    def mode(self) -> DeviceMode:
        """Return `measured` if this machine is the device, and `emulated` if it is not."""

    def torch_device(self) -> str:
        """Return the torch device that computes on this machine, such as `cpu` or `cuda:0`."""


@runtime_checkable
class ReadsMetrics(Protocol):
    """Optional for a device: it reads metrics of its own, such as from a power meter.

    It is called only if this machine is the device.
    """

    def measuring(self) -> AbstractContextManager[None]:
        """Enclose each search step of a trial, in the process that runs it."""

    def metrics(self) -> Mapping[str, float]:
        """Return what was read over all search steps, by the names of registered metrics."""
