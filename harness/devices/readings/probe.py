"""Everything that the machine at hand tells of itself, and why it does not tell the rest."""

from __future__ import annotations

from pathlib import Path

from harness.devices.readings.memory import MEMINFO, memory_entry
from harness.devices.readings.nvml import cards
from harness.devices.readings.rails import find_input_rail
from harness.devices.readings.reading import Reading, take
from harness.devices.readings.recognition import GPU_INFORMATION, cuda_names, machine_names
from harness.devices.readings.state import machine_state
from harness.devices.readings.tree import Tree, UnreadableError
from harness.metrics import MIB

__all__ = ["Reading", "probe"]


MEMORY = {
    "memory_total": "MemTotal",
    "memory_available": "MemAvailable",
    "swap_total": "SwapTotal",
    "swap_free": "SwapFree",
}


def probe(root: Path = Path("/")) -> list[Reading]:
    """Read all there is to read below `root`, once.

    NVML and torch know this machine alone, so they are asked only for the root `/`; torch takes
    seconds to import.
    """
    tree = Tree(root)
    readings = [_names(tree), *_memory(tree), _board_power(tree), *machine_state(tree)]
    return [*readings, *_energy_counters(), _cuda()] if root == Path("/") else readings


def _names(tree: Tree) -> Reading:
    def read() -> str:
        names = machine_names(tree.root)
        if not names:
            raise UnreadableError("neither a device tree nor an NVIDIA driver")
        return ", ".join(names)

    return take("machine", "", f"/proc/device-tree/model, {GPU_INFORMATION}", read)


def _memory(tree: Tree) -> list[Reading]:
    def one(name: str, key: str) -> Reading:
        return take(name, "MiB", f"{MEMINFO} {key}", lambda: memory_entry(tree, key) / MIB)

    return [one(name, key) for name, key in MEMORY.items()]


def _board_power(tree: Tree) -> Reading:
    try:
        rail = find_input_rail(tree)
    except UnreadableError as error:
        return Reading("board_power", None, "W", "INA3221", str(error))
    return take("board_power", "W", f"{rail.name}: {rail.source}", rail.power_w)


def _energy_counters() -> list[Reading]:
    """Read what each NVIDIA card has used since its driver was loaded."""
    name, unit, source = "gpu_energy", "J", "NVML energy counter"
    try:
        found = cards()
    except UnreadableError as error:
        return [Reading(name, None, unit, source, str(error))]
    return [take(name, unit, f"{source} of {card.name}", card.energy_j) for card in found]


def _cuda() -> Reading:
    def read() -> str:
        try:
            names = cuda_names()
        except Exception as error:  # a torch that does not fit its driver fails in any way
            raise UnreadableError(str(error) or type(error).__name__) from None
        if not names:
            raise UnreadableError("torch finds no CUDA device")
        return ", ".join(names)

    return take("cuda", "", "torch", read)
