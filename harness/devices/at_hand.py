"""What can be made of a device on this machine: measured, emulated, or nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from harness.devices.readings.recognition import machine_names
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.contracts import Device, DeviceMode
    from harness.devices.profile import DeviceProfile

__all__ = ["NotAtHandError", "choose_mode", "mode_here"]


class NotAtHandError(UsageError):
    """A device that cannot be used here in the way that was asked for."""


def mode_here(device: Device) -> DeviceMode | None:
    """Return what a device is on this machine.

    None is for a device that is not at hand and has neither limits nor rates: there is nothing to
    measure, and nothing to emulate.
    """
    mode = device.mode()
    return None if mode == "emulated" and not device.profile.can_be_emulated else mode


def choose_mode(
    name: str,
    device: Device,
    wanted: DeviceMode | None,
    mode_of: Callable[[Device], DeviceMode | None] = mode_here,
) -> DeviceMode:
    """Return the mode of a trial on a device; nothing else decides it.

    Args:
        name: what the device is registered as.
        device: the device.
        wanted: what a person has asked for; None: what the device is.
        mode_of: says what the device is where the trial will run: on this machine, if not given.

    Raises:
        NotAtHandError: it cannot be measured, or not used at all; the message says what was looked
            for and what this machine is.
    """
    here = mode_of(device)
    if here is None:
        reason = _absence(device.profile, machine_names())
        raise NotAtHandError(
            f"device '{name}' cannot be used here: {reason}, and its profile has neither a memory "
            f"limit nor rates that could be emulated"
        )
    if wanted == "measured" and here != "measured":
        reason = _absence(device.profile, machine_names())
        raise NotAtHandError(f"device '{name}' cannot be measured here: {reason}")
    return wanted or here


def _absence(profile: DeviceProfile, names: Sequence[str]) -> str:
    """Say what was looked for, and what this machine is instead."""
    here = f"this machine is {_listed(names)}" if names else "this machine names no board or GPU"
    if not profile.recognised_by:
        return "its profile does not say what machine it is ('recognised_by')"
    if profile.recognises(names):  # then a GPU alone can be missing
        return f"torch finds no CUDA GPU that it could be ({here})"
    return f"it goes by {_listed(profile.recognised_by)}, and {here}"


def _listed(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
