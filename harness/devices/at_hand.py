"""What a device is on this machine: measured, emulated, or nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING

from harness.devices.readings.linux import cuda_names, has_unified_memory, machine_names
from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.contracts import Device, DeviceMode
    from harness.devices.profile import DeviceProfile

__all__ = [
    "NotAtHandError",
    "ProfiledDevice",
    "choose_mode",
    "mode_here",
    "takes_turns",
    "usable_gpus",
]

QUESTION = (
    "import json; from harness.devices.readings.linux import cuda_names;"
    "print(json.dumps(cuda_names()))"
)


@cache
def usable_gpus() -> tuple[str, ...]:
    """Return the names of the GPUs that torch can use, in torch's order.

    If torch is not loaded yet, another process is asked, which takes seconds. So the memory that
    torch and CUDA take at their first use is freed again: on a board whose processor and GPU share
    2 GB, trials would lack it.
    """
    if "torch" in sys.modules:
        return tuple(cuda_names())
    from harness.runtime.interpreters import run_python  # noqa: PLC0415 - which builds on devices

    answer = run_python("-c", QUESTION)
    return tuple(json.loads(answer.stdout)) if answer.returncode == 0 else ()


class ProfiledDevice:
    """A device that is described by its profile alone.

    A CUDA GPU at hand computes for every device of the kind `cuda`, including emulated ones. Torch
    is asked, which takes seconds, only if the machine's names do not settle the question.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        """Store the profile; the machine is not examined yet."""
        self.profile = profile

    def mode(self) -> DeviceMode:
        """Return whether this machine is the device, and torch can compute on it."""
        return "emulated" if self._itself() is None else "measured"

    def torch_device(self) -> str:
        """Return the torch device that computes: the device itself, another GPU, or the CPU."""
        itself = self._itself()
        if itself is not None:
            return itself
        # A machine that names nothing has no GPU; an emulation then need not wait for torch.
        at_hand = self.profile.kind == "cuda" and machine_names() and usable_gpus()
        return "cuda:0" if at_hand else "cpu"

    def _itself(self) -> str | None:
        """Name the torch device that is this very device; None where there is none."""
        names = machine_names()
        if not self.profile.recognises(names):
            return None
        if self.profile.kind == "cpu":
            return "cpu"
        gpus = usable_gpus()
        for index, gpu in enumerate(gpus):
            if self.profile.recognises([gpu]):
                return f"cuda:{index}"
        # The name is that of a board, whose GPU is named after its chip. Or it is that of a card
        # which is hidden from torch (CUDA_VISIBLE_DEVICES), and then torch sees another card.
        return "cuda:0" if gpus and has_unified_memory() else None


class NotAtHandError(UsageError):
    """A device cannot be used on this machine in the way that was asked for."""


def mode_here(device: Device) -> DeviceMode | None:
    """Return what a device is on this machine.

    None means that it can be neither measured nor emulated: this machine is not the device, and its
    profile has neither limits nor rates.
    """
    mode = device.mode()
    return None if mode == "emulated" and not device.profile.can_be_emulated else mode


def choose_mode(
    name: str,
    device: Device,
    wanted: DeviceMode | None,
    mode_of: Callable[[Device], DeviceMode | None] = mode_here,
) -> DeviceMode:
    """Return the mode of a trial on a device; it is decided only here.

    Args:
        name: what the device is registered as.
        device: the device.
        wanted: what a person has asked for; None: what the device is.
        mode_of: says what the device is where the trial will run: on this machine, if not given.

    Raises:
        NotAtHandError: it cannot be measured, or cannot be used at all; the message says which
            names were looked for and what this machine is.
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


def takes_turns(profile: DeviceProfile, mode: DeviceMode | None) -> bool:
    """Return whether trials on a device would take its memory from each other, so that one runs."""
    return mode == "measured" and (profile.kind != "cpu" or profile.memory_limit_bytes is not None)


def _absence(profile: DeviceProfile, names: Sequence[str]) -> str:
    """Describe what was looked for, and what this machine is instead."""
    here = f"this machine is {_listed(names)}" if names else "this machine names no board or GPU"
    if not profile.recognised_by:
        return "its profile does not say what machine it is ('recognised_by')"
    if profile.recognises(names):  # then a GPU alone can be missing
        return f"torch finds no CUDA GPU that it could be ({here})"
    return f"it goes by {_listed(profile.recognised_by)}, and {here}"


def _listed(names: Sequence[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)
