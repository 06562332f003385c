"""Reads energy in joules: from a counter if there is one, else from power over time.

A Jetson board has an INA3221 monitor with three rails. The first is the board's input; the others
branch off it and are contained in it, so they are never added up. Boards whose monitor has no input
rail (Xavier AGX, Orin AGX), or that have no monitor, have no reading.

NVIDIA's cards answer through NVML, the library that comes with the driver. `pip install
'onnas-harness[nvidia]'` brings `nvidia-ml-py`, which calls it. Without the library, the driver, a
card or one of its sensors, what was asked for is missing and the note says why.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.devices.readings.linux import ReadingError, Tree, has_unified_memory

if TYPE_CHECKING:
    import torch

__all__ = ["EnergySource", "card_of", "cards", "find_energy_source", "find_input_rail"]

INPUT_RAILS = ("POM_5V_IN", "VDD_IN")  # of the Nano; of the TX2, Xavier NX, Orin Nano, Orin NX

# The names of the rails, in L4T up to release 32 (JetPack 4), and since.
IIO_NAMES = "/sys/bus/i2c/drivers/ina3221*/*/iio?device*/rail_name_*"
HWMON_NAMES = "/sys/bus/i2c/drivers/ina3221*/*/hwmon/hwmon*/in*_label"


@dataclass(frozen=True)
class _InputRail:
    """The rail through which all of a board's power comes in."""

    tree: Tree
    name: str
    paths: tuple[str, ...]  # files whose product, times `scale`, is watts
    scale: float

    @property
    def source(self) -> str:
        """The files that are read."""
        return " x ".join(self.paths)

    def power_w(self) -> float:
        """Return the board's power now, in watts.

        Raises:
            ReadingError: a file cannot be read, or a number in it is negative.
        """
        return prod(_not_negative(self.tree.number(path)) for path in self.paths) * self.scale


def find_input_rail(tree: Tree) -> _InputRail:
    """Return the board's input rail.

    Raises:
        ReadingError: there is no power monitor, or it has no input rail.
    """
    others = []
    for path in [*tree.matching(IIO_NAMES), *tree.matching(HWMON_NAMES)]:
        try:
            name = tree.text(path)
        except ReadingError:
            continue
        if name in INPUT_RAILS:
            return _rail(tree, name, path)
        others.append(name)
    if others:
        raise ReadingError(f"no rail is the board's input; there are {', '.join(others)}")
    raise ReadingError("no INA3221 power monitor")


def _rail(tree: Tree, name: str, path: str) -> _InputRail:
    """Return the rail whose name is in a file: read its power in mW, or voltage and current."""
    folder, _, file = path.rpartition("/")
    if file.endswith("_label"):
        number = file.removeprefix("in").removesuffix("_label")
        paths = (f"{folder}/in{number}_input", f"{folder}/curr{number}_input")  # mV, mA
        return _InputRail(tree, name, paths, 1e-6)
    number = file.removeprefix("rail_name_")
    power = f"{folder}/in_power{number}_input"  # mW
    if tree.has(power):
        return _InputRail(tree, name, (power,), 1e-3)
    paths = (f"{folder}/in_voltage{number}_input", f"{folder}/in_current{number}_input")
    return _InputRail(tree, name, paths, 1e-6)


@dataclass(frozen=True)
class _Card:
    """One card: its own energy and power, without the rest of the machine."""

    library: Any
    handle: Any
    name: str

    def energy_j(self) -> float:
        """Return the joules that the card has used since its driver was loaded.

        Raises:
            ReadingError: the card has no such counter; those before Volta have none.
        """
        counter = _asked(self.library.nvmlDeviceGetTotalEnergyConsumption, self.handle)
        return float(counter) / 1000  # mJ

    def power_w(self) -> float:
        """Return the card's power in watts; newer cards give the mean of the last second.

        Raises:
            ReadingError: the card does not tell.
        """
        power = _asked(self.library.nvmlDeviceGetPowerUsage, self.handle)
        return _not_negative(float(power)) / 1000  # mW


def _not_negative(value: float) -> float:
    """Return a reading of what only uses power; a monitor whose bus has failed may go below zero.

    Raises:
        ReadingError: it does.
    """
    if value < 0:
        raise ReadingError(f"negative: {value:g}")
    return value


def cards() -> list[_Card]:
    """Return the cards of this machine.

    Raises:
        ReadingError: the library or the driver is not there, or there is no card.
    """
    library = _library()
    count = _asked(library.nvmlDeviceGetCount)
    handles = [_asked(library.nvmlDeviceGetHandleByIndex, index) for index in range(count)]
    if not handles:
        raise ReadingError("the driver has no card")
    return [_Card(library, handle, _card_name(library, handle)) for handle in handles]


def card_of(name: str, uuid: str | None) -> _Card:
    """Return the card that torch calls `name`.

    NVML counts cards its own way, so the index that torch has for one is of no use here.

    Args:
        name: of the card.
        uuid: the card's own, without prefix, where torch tells it; None: it does not.

    Raises:
        ReadingError: see `cards`; or several cards have that name.
    """
    if uuid is not None:
        library = _library()
        handle = _asked(library.nvmlDeviceGetHandleByUUID, f"GPU-{uuid}")
        return _Card(library, handle, _card_name(library, handle))
    same = [card for card in cards() if card.name == name]
    if len(same) != 1:
        raise ReadingError(f"there are {len(same)} cards with the name {name}, not one")
    return same[0]


def _library() -> Any:
    try:
        library = import_module("pynvml")
    except ImportError:
        raise ReadingError("nvidia-ml-py is not installed") from None
    _asked(library.nvmlInit)
    return library


def _card_name(library: Any, handle: Any) -> str:
    name = _asked(library.nvmlDeviceGetName, handle)
    return name.decode() if isinstance(name, bytes) else str(name)


def _asked(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call NVML; whatever goes wrong there becomes a `ReadingError`."""
    try:
        return function(*arguments)
    except Exception as error:
        raise ReadingError(f"NVML: {error}") from None


LONGEST_GAP_S = 2.0  # between samples of power


@dataclass(frozen=True)
class EnergySource:
    """A sensor that gives the joules between two readings."""

    read: Callable[[], float]  # joules since any moment, or watts now; raises `ReadingError`
    counts: bool  # it counts joules, which are exact however far apart two readings are
    source: str  # the path or interface that is read

    @property
    def longest_gap_s(self) -> float:
        """How many seconds may lie between two readings for them to be used."""
        return math.inf if self.counts else LONGEST_GAP_S

    def joules(self, first: float, second: float, seconds: float) -> float:
        """Return the joules between readings `seconds` apart; power by the trapezoidal rule."""
        return second - first if self.counts else (first + second) / 2 * seconds


def find_energy_source(tree: Tree, device: torch.device) -> EnergySource:
    """Return the sensor for the energy of trials on `device`: the board's, or else the card's.

    Raises:
        ReadingError: nothing does; the message says why.
    """
    try:
        rail = find_input_rail(tree)
        rail.power_w()
        return EnergySource(rail.power_w, False, rail.source)
    except ReadingError:
        # NVML answers for this machine, not for a recorded one; and on a Tegra it knows the GPU,
        # but neither its power nor its energy.
        is_here = tree.root == Path("/")
        if device.type != "cuda" or not is_here or has_unified_memory(tree.root):
            raise
    return _of_card(_card(device))


def _of_card(card: _Card) -> EnergySource:
    try:
        card.energy_j()
    except ReadingError:
        card.power_w()
        return EnergySource(card.power_w, False, f"NVML power of {card.name}")
    return EnergySource(card.energy_j, True, f"NVML energy counter of {card.name}")


def _card(device: torch.device) -> _Card:
    import torch  # noqa: PLC0415 - this module serves commands that compute nothing, too

    properties = torch.cuda.get_device_properties(device)
    uuid = getattr(properties, "uuid", None)  # not in every release
    return card_of(properties.name, None if uuid is None else str(uuid))
