"""The paper's device, a Jetson Nano with 2 GB, emulated on the machine at hand."""

from typing import Literal

from harness_devices.profiles import built_in_profile

__all__ = ["Jetson"]


class Jetson:
    """Holds a trial to the Jetson's memory limit, and computes on this machine's processor."""

    def __init__(self) -> None:
        """Read the profile."""
        self.profile = built_in_profile("jetson")

    def mode(self) -> Literal["measured", "emulated"]:
        """This machine only stands in for a Jetson."""
        return "emulated"

    def torch_device(self) -> str:
        """The torch device that computes."""
        return "cpu"
