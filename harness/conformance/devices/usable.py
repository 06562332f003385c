"""What the rules for devices share."""

from __future__ import annotations

from harness.conformance.rule import NotApplicableError
from harness.conformance.subject import Subject
from harness.contracts import Device
from harness.devices.at_hand import mode_here

__all__ = ["usable_device"]


def usable_device(subject: Subject) -> Device:
    """Make the device.

    Raises:
        NotApplicableError: it is not at hand, and there is nothing to emulate.
    """
    device: Device = subject.create()
    if mode_here(device) is None:
        raise NotApplicableError("it is not at hand, and has neither limits nor rates to emulate")
    return device
