"""A device that a profile describes is measured where it is at hand, and only there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import pytest

from harness.devices.at_hand import ProfiledDevice
from harness.devices.profile import DeviceProfile

Machine = Callable[..., None]

NANO = "NVIDIA Jetson Nano 2GB Developer Kit"
CARD = "NVIDIA GeForce RTX 3090"
OTHER = "NVIDIA H200"


def device(*recognised_by: str, kind: Literal["cpu", "cuda"] = "cuda") -> ProfiledDevice:
    return ProfiledDevice(
        DeviceProfile(name="x", model="X", kind=kind, recognised_by=list(recognised_by))
    )


@pytest.mark.parametrize(
    ("names", "gpus", "mode", "computes_on"),
    [
        ([CARD], [CARD], "measured", "cuda:0"),
        ([OTHER, CARD], [OTHER, CARD], "measured", "cuda:1"),
        ([CARD], [], "emulated", "cpu"),  # a driver that torch cannot use
        ([OTHER, CARD], [OTHER], "emulated", "cuda:0"),  # hidden by CUDA_VISIBLE_DEVICES
        ([CARD + " Ti"], [CARD + " Ti"], "emulated", "cuda:0"),
    ],
)
def test_card_is_measured_where_torch_computes_on_it(
    machine: Machine, names: Sequence[str], gpus: Sequence[str], mode: str, computes_on: str
) -> None:
    """A card is found among several; one that is hidden, or a sister of it, only stands in."""
    machine(names, gpus)
    card = device("*GeForce RTX 3090")
    assert (card.mode(), card.torch_device()) == (mode, computes_on)


@pytest.mark.parametrize(("gpus", "mode"), [(["NVIDIA Tegra X1"], "measured"), ([], "emulated")])
def test_board_is_measured_by_the_gpu_of_its_chip(
    machine: Machine, gpus: Sequence[str], mode: str
) -> None:
    """A board is known by its own name; its GPU goes by another, and must be usable."""
    machine([NANO], gpus, is_board=True)
    board = device("*Jetson Nano 2GB*")
    assert board.mode() == mode
    assert board.torch_device() == ("cuda:0" if gpus else "cpu")


def test_another_gpu_computes_for_a_device_that_is_emulated(machine: Machine) -> None:
    """An emulation computes on the GPU at hand, whatever it is."""
    machine([OTHER], [OTHER])
    board = device("*Jetson Nano 2GB*")
    assert (board.mode(), board.torch_device()) == ("emulated", "cuda:0")


def test_torch_is_not_asked_where_names_say_no(machine: Machine) -> None:
    """A machine that names no GPU, or another one, is told apart without importing torch."""
    machine([OTHER], None)
    assert device("*Jetson Nano 2GB*").mode() == "emulated"
    assert device().mode() == "emulated"
    machine([], None)
    assert device("*Jetson Nano 2GB*").mode() == "emulated"
    assert device("*Jetson Nano 2GB*").torch_device() == "cpu"


@pytest.mark.parametrize(
    ("gpus", "mode", "computes_on"),
    [([OTHER], "measured", "cuda:0"), ([], "emulated", "cpu")],
)
def test_any_gpu_is_asked_of_torch_alone(
    machine: Machine, gpus: Sequence[str], mode: str, computes_on: str
) -> None:
    """Where `/proc` hides the GPU, as in some containers, `*` takes what torch finds."""
    machine([], gpus)
    assert (device("*").mode(), device("*").torch_device()) == (mode, computes_on)


def test_processor_computes_for_devices_without_a_gpu(machine: Machine) -> None:
    """A profile of the kind `cpu` never computes on a GPU, and is measured where it is at hand."""
    machine([OTHER, "Raspberry Pi 4 Model B Rev 1.4"], None)
    for pattern, mode in [("*", "measured"), ("raspberry pi 4*", "measured"), ("x", "emulated")]:
        board = device(pattern, kind="cpu")
        assert (board.mode(), board.torch_device()) == (mode, "cpu")
