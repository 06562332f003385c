"""The processor of the machine at hand."""

from typing import Literal

from harness_devices.profiles import built_in_profile

__all__ = ["Cpu"]


class Cpu:
    """Computes on the processor; all that is read from it is measured."""

    def __init__(self) -> None:
        """Read the profile."""
        self.profile = built_in_profile("cpu")

    def mode(self) -> Literal["measured", "emulated"]:
        """The processor stands for itself."""
        return "measured"

    def torch_device(self) -> str:
        """The torch device that computes."""
        return "cpu"
