"""The built-in devices: each is a profile, and none needs code."""

from harness import hookimpl
from harness.hookspecs import Register

DEVICES = {
    "cpu": "this machine's processor; no memory limit",
    "cuda": "this machine's NVIDIA GPU; no memory limit",
    "jetson": "NVIDIA Jetson Nano 2 GB, with 640 MiB for tensors",
    "jetson-orin-nano": "NVIDIA Jetson Orin Nano 8 GB, with 6,784 MiB for tensors",
    "raspberry-pi-4": "Raspberry Pi 4 Model B 4 GB, with 2,688 MiB for tensors",
    "raspberry-pi-5": "Raspberry Pi 5 4 GB, with 2,688 MiB for tensors",
    "rtx3090": "NVIDIA GeForce RTX 3090 24 GB, with 24,064 MiB for tensors",
}


@hookimpl
def harness_register_devices(register: Register) -> None:
    """Register the machine at hand, four boards and a desktop GPU."""
    for name, summary in DEVICES.items():
        register(name, f"harness_devices:{name}.toml", summary=summary)
