"""A Jetson board's power, from its INA3221 monitor.

The monitor has three rails. The first is the board's input; the others branch off it and are
contained in it, so they are never added up. Boards whose monitor has no input rail (Xavier AGX,
Orin AGX), or that have no monitor, have no reading.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from harness.devices.readings.tree import Tree, UnreadableError

__all__ = ["InputRail", "find_input_rail"]

INPUT_RAILS = ("POM_5V_IN", "VDD_IN")  # of the Nano; of the TX2, Xavier NX, Orin Nano, Orin NX

# The names of the rails, in L4T up to release 32 (JetPack 4), and since.
IIO_NAMES = "/sys/bus/i2c/drivers/ina3221*/*/iio?device*/rail_name_*"
HWMON_NAMES = "/sys/bus/i2c/drivers/ina3221*/*/hwmon/hwmon*/in*_label"


@dataclass(frozen=True)
class InputRail:
    """The rail that all of a board's power comes in by."""

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
            UnreadableError: a file cannot be read.
        """
        return prod(self.tree.number(path) for path in self.paths) * self.scale


def find_input_rail(tree: Tree) -> InputRail:
    """Return the board's input rail.

    Raises:
        UnreadableError: there is no power monitor, or none of its rails is the input.
    """
    others = []
    for path in [*tree.matching(IIO_NAMES), *tree.matching(HWMON_NAMES)]:
        try:
            name = tree.text(path)
        except UnreadableError:
            continue
        if name in INPUT_RAILS:
            return _rail(tree, name, path)
        others.append(name)
    if others:
        raise UnreadableError(f"no rail is the board's input; there are {', '.join(others)}")
    raise UnreadableError("no INA3221 power monitor")


def _rail(tree: Tree, name: str, path: str) -> InputRail:
    """Say which files belong to a rail's name: its power in mW, or its voltage and current."""
    folder, _, file = path.rpartition("/")
    if file.endswith("_label"):
        number = file.removeprefix("in").removesuffix("_label")
        paths = (f"{folder}/in{number}_input", f"{folder}/curr{number}_input")  # mV, mA
        return InputRail(tree, name, paths, 1e-6)
    number = file.removeprefix("rail_name_")
    power = f"{folder}/in_power{number}_input"  # mW
    if tree.has(power):
        return InputRail(tree, name, (power,), 1e-3)
    paths = (f"{folder}/in_voltage{number}_input", f"{folder}/in_current{number}_input")
    return InputRail(tree, name, paths, 1e-6)
