"""The built-in devices: this machine's processor, and the paper's Jetson Nano."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from harness.contracts import Device
from harness.plugins.loading import load_plugins
from harness.plugins.selection import select

MIB = 2**20


def device(name: str) -> Device:
    (selection,) = select(load_plugins(), "device", name)
    created: Device = selection.create()
    return created


def test_jetson_leaves_640_mib_for_tensors() -> None:
    """The Jetson has 2,048 MiB, less 1,024 for the system, less 384 for the CUDA context."""
    jetson = device("jetson")
    memory = jetson.profile.memory
    assert memory is not None
    assert memory.total_bytes == 2048 * MIB
    assert memory.system_bytes == 1024 * MIB
    assert memory.reserved_bytes == 384 * MIB
    assert jetson.profile.memory_limit_bytes == 640 * MIB
    assert jetson.profile.kind == "cuda"


def test_jetson_is_emulated_on_the_processor() -> None:
    """No number of the Jetson is ever called measured."""
    assert device("jetson").mode() == "emulated"
    assert device("jetson").torch_device() == "cpu"


def test_cpu_is_measured_without_a_limit() -> None:
    """The machine at hand stands for itself."""
    cpu = device("cpu")
    assert cpu.mode() == "measured"
    assert cpu.torch_device() == "cpu"
    assert cpu.profile.memory_limit_bytes is None


@pytest.mark.parametrize("name", ["cpu", "jetson"])
def test_profile_has_the_name_that_is_registered(name: str) -> None:
    """Name in the profile and name on the command line are one."""
    assert device(name).profile.name == name


def test_devices_import_no_torch(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Reading a device's limits waits for no slow library."""
    code = "import sys, harness_devices.jetson, harness_devices.cpu; print('torch' in sys.modules)"
    result = run_python("-c", code)
    assert result.stdout == "False\n", result.stderr
