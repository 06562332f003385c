"""The built-in devices: this machine's processor and GPU, four boards and a desktop card."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import pytest

from harness.contracts import Device
from harness.plugins.loading import load_plugins
from harness.plugins.selection import select

Machine = Callable[..., None]

MIB = 2**20
NAMES = ["cpu", "cuda", "jetson", "jetson-orin-nano", "raspberry-pi-4", "raspberry-pi-5", "rtx3090"]


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


@pytest.mark.parametrize(
    ("name", "fp32_flops", "bandwidth_bytes_s", "total_mib", "limit_mib"),
    [
        ("jetson", 236e9, 25.6e9, 2048, 640),
        ("jetson-orin-nano", 1.28e12, 68e9, 8192, 6784),
        ("rtx3090", 35.6e12, 936e9, 24576, 24064),
    ],
)
def test_profile_has_the_published_rates(
    name: str, fp32_flops: float, bandwidth_bytes_s: float, total_mib: int, limit_mib: int
) -> None:
    """Peak rates and memory are those of the data sheets."""
    profile = device(name).profile
    assert profile.compute is not None
    assert profile.memory is not None
    assert profile.compute.fp32_flops == fp32_flops
    assert profile.compute.bandwidth_bytes_s == bandwidth_bytes_s
    assert profile.memory.total_bytes == total_mib * MIB
    assert profile.memory_limit_bytes == limit_mib * MIB


@pytest.mark.parametrize("name", ["raspberry-pi-4", "raspberry-pi-5"])
def test_a_raspberry_pi_has_a_limit_and_predicts_no_time(name: str) -> None:
    """Nobody has calibrated one, so that nothing is known of its rates."""
    profile = device(name).profile
    assert profile.kind == "cpu"
    assert profile.memory_limit_bytes == (4096 - 1024 - 384) * MIB
    assert (profile.compute, profile.cost) == (None, None)


@pytest.mark.parametrize("name", NAMES)
def test_what_was_chosen_is_not_passed_off_as_published(name: str) -> None:
    """A launch cost has no data sheet: its source says that it is an assumption."""
    for key, source in device(name).profile.sources.items():
        if key == "compute.launch_s":
            assert "an assumption, to be replaced by calibration" in source


@pytest.mark.parametrize(
    ("names", "gpu", "measured"),
    [
        (["NVIDIA Jetson Nano 2GB Developer Kit"], "NVIDIA Tegra X1", {"jetson"}),
        (["NVIDIA Jetson Nano Developer Kit"], "NVIDIA Tegra X1", set()),
        (["NVIDIA Orin Nano Developer Kit"], "Orin", {"jetson-orin-nano"}),
        (["NVIDIA Jetson Orin Nano Developer Kit"], "Orin", {"jetson-orin-nano"}),
        (
            ["NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super"],
            "Orin",
            {"jetson-orin-nano"},
        ),
        (["Raspberry Pi 4 Model B Rev 1.4"], "none", {"raspberry-pi-4"}),
        (["Raspberry Pi 5 Model B Rev 1.0"], "none", {"raspberry-pi-5"}),
        (["Raspberry Pi Compute Module 5 Rev 1.0"], "none", set()),
        (["NVIDIA Jetson Orin NX Engineering Reference Developer Kit"], "Orin", set()),
    ],
)
def test_boards_are_told_apart_by_their_names(
    machine: Machine, names: list[str], gpu: str, measured: set[str]
) -> None:
    """A board is measured as itself alone; `cpu` and `cuda` are measured on every board."""
    machine(names, [gpu], is_board=True)
    found = {name for name in NAMES if device(name).mode() == "measured"}
    assert found == measured | {"cpu", "cuda"}


@pytest.mark.parametrize(
    ("gpu", "measured"),
    [
        ("NVIDIA GeForce RTX 3090", {"rtx3090"}),
        ("GeForce RTX 3090", {"rtx3090"}),
        ("NVIDIA GeForce RTX 3090 Ti", set()),
        ("NVIDIA H200", set()),
    ],
)
def test_cards_are_told_apart_by_their_names(
    machine: Machine, gpu: str, measured: set[str]
) -> None:
    """A card is measured as itself alone, and as whatever is there."""
    machine([gpu], [gpu])
    found = {name for name in NAMES if device(name).mode() == "measured"}
    assert found == measured | {"cpu", "cuda"}


def test_nothing_but_the_processor_is_measured_without_a_gpu(machine: Machine) -> None:
    """On a machine without a GPU the others are emulated on the processor."""
    machine([], [])
    assert {name for name in NAMES if device(name).mode() == "measured"} == {"cpu"}
    assert {device(name).torch_device() for name in NAMES} == {"cpu"}


@pytest.mark.parametrize("name", ["cpu", "cuda"])
def test_machine_at_hand_has_no_modelled_limit(name: str) -> None:
    """The machine itself is the limit."""
    assert device(name).profile.memory_limit_bytes is None
    assert not device(name).profile.can_be_emulated


@pytest.mark.parametrize("name", NAMES)
def test_profile_has_the_name_that_is_registered(name: str) -> None:
    """Name in the profile and name on the command line are one."""
    assert device(name).profile.name == name


def test_limits_and_modes_wait_for_no_torch(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """To read a board's limit, and that it is not this machine, no slow library is imported."""
    code = (
        "import sys; from harness.plugins.loading import load_plugins;"
        "from harness.plugins.selection import select;"
        "device = select(load_plugins(), 'device', 'jetson')[0].create();"
        "print(device.profile.memory_limit_bytes, device.mode(), 'torch' in sys.modules)"
    )
    result = run_python("-c", code)
    assert result.stdout == f"{640 * MIB} emulated False\n", result.stderr
