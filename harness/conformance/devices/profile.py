"""A device is what its name says, and says the same whenever it is asked."""

from __future__ import annotations

from harness.conformance.rule import BrokenRuleError, Rule
from harness.conformance.subject import Subject
from harness.devices.profile import DeviceProfile

__all__ = ["RULE"]

MODES = ("measured", "emulated")


def _check(subject: Subject) -> None:
    device, again = subject.create(), subject.create()
    profile = device.profile
    if not isinstance(profile, DeviceProfile):
        raise BrokenRuleError(f"its profile is a {type(profile).__name__}, and no DeviceProfile")
    name = subject.selection.name
    if profile.name != name:
        raise BrokenRuleError(f"it is registered as '{name}', and its profile is '{profile.name}'")
    if profile.digest() != again.profile.digest():
        raise BrokenRuleError("its profile is another one when it is made again")
    modes = {device.mode(), device.mode(), again.mode()}
    if len(modes) > 1 or not modes <= set(MODES):
        raise BrokenRuleError(f"asked for its mode three times, it said {sorted(modes)}")


RULE = Rule(
    "profile-is-true",
    "a device has a DeviceProfile of the name that it is registered under, and profile and mode "
    "('measured' or 'emulated') are the same whenever it is asked",
    _check,
)
