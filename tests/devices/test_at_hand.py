"""A trial's mode is what was asked for, or a sentence says why it cannot be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import pytest

from harness.devices.at_hand import NotAtHandError, ProfiledDevice, choose_mode, mode_here
from harness.devices.profile import DeviceProfile, MemoryProfile

Machine = Callable[..., None]

CARD = "NVIDIA GeForce RTX 3090"
OTHER = "NVIDIA H200"
MEMORY = MemoryProfile(total_bytes=3, system_bytes=1, reserved_bytes=1)
SOURCES = {f"memory.{key}": "made up" for key in MemoryProfile.model_fields}


def card(*recognised_by: str) -> ProfiledDevice:
    return ProfiledDevice(
        DeviceProfile(
            name="card",
            model="Card",
            kind="cuda",
            recognised_by=list(recognised_by),
            memory=MEMORY,
            sources=SOURCES,
        )
    )


def whatever_is_there() -> ProfiledDevice:
    return ProfiledDevice(DeviceProfile(name="any", model="GPU", kind="cuda", recognised_by=["*"]))


@pytest.mark.parametrize("wanted", [None, "measured", "emulated"])
def test_device_at_hand_takes_any_mode(
    machine: Machine, wanted: Literal["measured", "emulated"] | None
) -> None:
    """The device itself is measured unless its emulation is asked for."""
    machine([CARD], [CARD])
    for device in (card("*3090"), whatever_is_there()):
        assert choose_mode("card", device, wanted) == (wanted or "measured")


def test_device_that_is_not_at_hand_is_emulated(machine: Machine) -> None:
    """Nothing that is emulated can be asked for as measured."""
    machine([OTHER], [OTHER])
    assert choose_mode("card", card("*3090"), None) == "emulated"
    assert choose_mode("card", card("*3090"), "emulated") == "emulated"


@pytest.mark.parametrize(
    ("names", "gpus", "patterns", "reason"),
    [
        ([OTHER], [], ["*3090"], f"it goes by '*3090', and this machine is '{OTHER}'"),
        ([], [], ["*3090"], "it goes by '*3090', and this machine names no board or GPU"),
        ([OTHER], [], ["a", "b"], f"it goes by 'a' or 'b', and this machine is '{OTHER}'"),
        ([CARD], [], ["*3090"], "torch finds no CUDA GPU that it could be (this"),
        ([CARD], [], [], "its profile does not say what machine it is ('recognised_by')"),
    ],
)  # fmt: skip
def test_refusal_says_what_was_looked_for_and_what_is_here(
    machine: Machine, names: list[str], gpus: list[str], patterns: list[str], reason: str
) -> None:
    """Asking for a measurement where the device is not is answered in one sentence."""
    machine(names, gpus)
    with pytest.raises(NotAtHandError) as caught:
        choose_mode("card", card(*patterns), "measured")
    assert str(caught.value).startswith(f"device 'card' cannot be measured here: {reason}")


@pytest.mark.parametrize("wanted", [None, "measured", "emulated"])
def test_device_without_numbers_has_nothing_to_emulate(
    machine: Machine, wanted: Literal["measured", "emulated"] | None
) -> None:
    """Whatever GPU is there cannot be emulated where there is none."""
    machine([], [])
    assert mode_here(whatever_is_there()) is None
    with pytest.raises(NotAtHandError, match="cannot be used here: torch finds no CUDA GPU"):
        choose_mode("any", whatever_is_there(), wanted)
