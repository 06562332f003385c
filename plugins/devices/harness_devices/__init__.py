"""The built-in devices."""

from harness import hookimpl
from harness.hookspecs import Register


@hookimpl
def harness_register_devices(register: Register) -> None:
    """Register the machine at hand, and the paper's Jetson Nano."""
    register(
        "cpu",
        "harness_devices.cpu:Cpu",
        summary="this machine's processor; measured, no memory limit",
    )
    register(
        "jetson",
        "harness_devices.jetson:Jetson",
        summary="Jetson Nano 2 GB with 640 MiB for tensors; emulated on this machine",
    )
