"""NVIDIA's cards through NVML, the library that comes with the driver.

`pip install 'onnas-harness[nvidia]'` brings `nvidia-ml-py`, which calls it. Without the library,
the driver, a card or one of its sensors, what was asked for is missing and the note says why.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from harness.devices.readings.tree import UnreadableError

__all__ = ["Card", "card_of", "cards"]


@dataclass(frozen=True)
class Card:
    """One card: its energy and its power, without those of the machine that it is in."""

    library: Any
    handle: Any
    name: str

    def energy_j(self) -> float:
        """Return the joules that the card has used since its driver was loaded.

        Raises:
            UnreadableError: the card has no such counter; those before Volta have none.
        """
        counter = _asked(self.library.nvmlDeviceGetTotalEnergyConsumption, self.handle)
        return float(counter) / 1000  # mJ

    def power_w(self) -> float:
        """Return the card's power in watts; newer cards give the mean of the last second.

        Raises:
            UnreadableError: the card does not tell.
        """
        return float(_asked(self.library.nvmlDeviceGetPowerUsage, self.handle)) / 1000  # mW


def cards() -> list[Card]:
    """Return the cards of this machine.

    Raises:
        UnreadableError: the library or the driver is not there, or there is no card.
    """
    library = _library()
    count = _asked(library.nvmlDeviceGetCount)
    handles = [_asked(library.nvmlDeviceGetHandleByIndex, index) for index in range(count)]
    if not handles:
        raise UnreadableError("the driver has no card")
    return [Card(library, handle, _name(library, handle)) for handle in handles]


def card_of(name: str, uuid: str | None) -> Card:
    """Return the card that torch calls `name`.

    NVML counts cards its own way, so the index that torch has for one is of no use here.

    Args:
        name: of the card.
        uuid: the card's own, without prefix, where torch tells it; None: it does not.

    Raises:
        UnreadableError: see `cards`; or it cannot be told which one it is.
    """
    if uuid is not None:
        library = _library()
        handle = _asked(library.nvmlDeviceGetHandleByUUID, f"GPU-{uuid}")
        return Card(library, handle, _name(library, handle))
    same = [card for card in cards() if card.name == name]
    if len(same) != 1:
        raise UnreadableError(f"there are {len(same)} cards with the name {name}, not one")
    return same[0]


def _library() -> Any:
    try:
        library = import_module("pynvml")
    except ImportError:
        raise UnreadableError("nvidia-ml-py is not installed") from None
    _asked(library.nvmlInit)
    return library


def _name(library: Any, handle: Any) -> str:
    name = _asked(library.nvmlDeviceGetName, handle)
    return name.decode() if isinstance(name, bytes) else str(name)


def _asked(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call NVML; whatever is wrong with it, a reading is missing and nothing else fails."""
    try:
        return function(*arguments)
    except Exception as error:
        raise UnreadableError(f"NVML: {error}") from None
