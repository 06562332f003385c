"""The device that a profile describes: measured where this machine is it, emulated elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.devices.readings.recognition import has_unified_memory, machine_names
from harness.devices.usable_gpus import usable_gpus

if TYPE_CHECKING:
    from harness.contracts import DeviceMode
    from harness.devices.profile import DeviceProfile

__all__ = ["ProfiledDevice"]


class ProfiledDevice:
    """A device of which all that is known is in its profile.

    A CUDA GPU at hand computes for every device of the kind `cuda`, for those that it only stands
    in for too. Torch is asked, for seconds, only if the machine's names leave the matter open.
    """

    def __init__(self, profile: DeviceProfile) -> None:
        """Take the profile; the machine is not looked at yet."""
        self.profile = profile

    def mode(self) -> DeviceMode:
        """Say whether this machine is the device, and torch can compute on it."""
        return "emulated" if self._itself() is None else "measured"

    def torch_device(self) -> str:
        """Name what computes: the device itself, another CUDA GPU, or the processor."""
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
        # It was the name of a board, whose GPU goes by that of its chip. Or the name of a card that
        # is there and hidden from torch (CUDA_VISIBLE_DEVICES): what torch sees then is another.
        return "cuda:0" if gpus and has_unified_memory() else None
