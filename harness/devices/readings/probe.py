"""All readings of this machine, each with its source, or the reason why it is missing."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.devices.readings.energy import cards, find_input_rail
from harness.devices.readings.linux import (
    GPU_INFORMATION,
    MEMINFO,
    ReadingError,
    Tree,
    cuda_names,
    machine_names,
    memory_entry,
)
from harness.metrics import MIB

__all__ = ["MachineReading", "machine_state", "probe"]


@dataclass(frozen=True)
class MachineReading:
    """What was read, or why it could not be."""

    name: str
    value: float | str | None  # None: it could not be read
    unit: str  # empty for words
    source: str  # the path or the interface that was read
    note: str = ""  # why it is missing; empty otherwise


def _take(name: str, unit: str, source: str, read: Callable[[], float | str]) -> MachineReading:
    """Call `read`; where that fails, the value is missing and the note says why."""
    try:
        return MachineReading(name, read(), unit, source)
    except ReadingError as error:
        return MachineReading(name, None, unit, source, str(error))


POWER_STATUS = "/var/lib/nvpmodel/status"  # pmode:0000
POWER_MODES = "/etc/nvpmodel.conf"  # < POWER_MODEL ID=0 NAME=MAXN >

CPU_CLOCKS = "/sys/devices/system/cpu/cpu*/cpufreq/scaling_cur_freq"  # kHz
GPU_CLOCKS = (  # Hz; the chips of the TX2, Xavier and Orin families name the GPU themselves
    *(f"/sys/class/devfreq/*{name}*/cur_freq" for name in ("gpu", "gp10b", "gv11b", "ga10b")),
    "/sys/devices/*gpu*/devfreq/*/cur_freq",
    "/sys/devices/platform/*gpu*/devfreq/*/cur_freq",
)

ZONES = "/sys/class/thermal/thermal_zone*"
NO_SENSOR = "PMIC-Die"  # Jetson boards give a constant for it
COLDEST_C = -55.0  # a sensor that is switched off answers with less


def machine_state(tree: Tree) -> list[MachineReading]:
    """Return power mode, clocks and temperatures as they are now."""
    return [power_mode(tree), *_clocks(tree), *_temperatures(tree)]


def power_mode(tree: Tree) -> MachineReading:
    """Return the name of a Jetson board's power mode, which caps clocks and cores."""
    return _take("power_mode", "", POWER_STATUS, lambda: _power_mode(tree))


def _clocks(tree: Tree) -> list[MachineReading]:
    """Return the clocks of the fastest core and of the integrated GPU, in MHz."""
    gpu = next((found for each in GPU_CLOCKS if (found := tree.matching(each))), [])
    return [
        _take(
            "cpu_clock", "MHz", CPU_CLOCKS, lambda: _highest(tree, tree.matching(CPU_CLOCKS), 1e3)
        ),
        _take(
            "gpu_clock", "MHz", gpu[0] if gpu else GPU_CLOCKS[0], lambda: _highest(tree, gpu, 1e6)
        ),
    ]


def _temperatures(tree: Tree) -> list[MachineReading]:
    """Return the temperature of each thermal zone in °C, named after the zone's sensor."""
    readings: dict[str, MachineReading] = {}
    for zone in tree.matching(ZONES):
        name = f"temperature_{_sensor(tree, zone)}"
        if name in readings:  # two sensors of one kind
            name += zone.removeprefix(ZONES[:-1]).join("()")
        if NO_SENSOR not in name:
            readings[name] = _temperature(tree, name, f"{zone}/temp")
    missing = MachineReading("temperature", None, "°C", ZONES, "no thermal zones")
    return list(readings.values()) or [missing]


def _power_mode(tree: Tree) -> str:
    status = tree.text(POWER_STATUS)
    found = re.search(r"pmode:(\d+)", status)
    if found is None:
        raise ReadingError(f"no power mode in {status[:40]!r}")
    number = int(found[1])
    try:
        modes = re.findall(r"< *POWER_MODEL +ID=(\d+) +NAME=(\S+)", tree.text(POWER_MODES))
    except ReadingError:
        modes = []
    return next((name for each, name in modes if int(each) == number), f"mode {number}")


def _highest(tree: Tree, paths: list[str], per_mhz: float) -> float:
    """Return the highest of some clocks in MHz; cores that are switched off have none."""
    found, reasons = [], ["not there"]
    for path in paths:
        try:
            found.append(tree.number(path))
        except ReadingError as error:
            reasons.append(str(error))
    if not found:
        raise ReadingError(reasons[-1])
    return max(found) / per_mhz


def _sensor(tree: Tree, zone: str) -> str:
    try:
        return tree.text(f"{zone}/type")
    except ReadingError:
        return zone.rpartition("/")[2]


def _temperature(tree: Tree, name: str, path: str) -> MachineReading:
    def read() -> float:
        celsius = tree.number(path) / 1000
        if celsius < COLDEST_C:
            raise ReadingError("the sensor is switched off")
        return celsius

    return _take(name, "°C", path, read)


MEMORY = {
    "memory_total": "MemTotal",
    "memory_available": "MemAvailable",
    "swap_total": "SwapTotal",
    "swap_free": "SwapFree",
}


def probe(root: Path = Path("/")) -> list[MachineReading]:
    """Read all there is to read below `root`, once.

    NVML and torch know this machine alone, so they are asked only for the root `/`; torch takes
    seconds to import.
    """
    tree = Tree(root)
    readings = [_names(tree), *_memory(tree), _board_power(tree), *machine_state(tree)]
    return [*readings, *_energy_counters(), _cuda()] if root == Path("/") else readings


def _names(tree: Tree) -> MachineReading:
    def read() -> str:
        names = machine_names(tree.root)
        if not names:
            raise ReadingError("neither a device tree nor an NVIDIA driver")
        return ", ".join(names)

    return _take("machine", "", f"/proc/device-tree/model, {GPU_INFORMATION}", read)


def _memory(tree: Tree) -> list[MachineReading]:
    def one(name: str, key: str) -> MachineReading:
        return _take(name, "MiB", f"{MEMINFO} {key}", lambda: memory_entry(tree, key) / MIB)

    return [one(name, key) for name, key in MEMORY.items()]


def _board_power(tree: Tree) -> MachineReading:
    try:
        rail = find_input_rail(tree)
    except ReadingError as error:
        return MachineReading("board_power", None, "W", "INA3221", str(error))
    return _take("board_power", "W", f"{rail.name}: {rail.source}", rail.power_w)


def _energy_counters() -> list[MachineReading]:
    """Read what each NVIDIA card has used since its driver was loaded."""
    name, unit, source = "gpu_energy", "J", "NVML energy counter"
    try:
        found = cards()
    except ReadingError as error:
        return [MachineReading(name, None, unit, source, str(error))]
    return [_take(name, unit, f"{source} of {card.name}", card.energy_j) for card in found]


def _cuda() -> MachineReading:
    def read() -> str:
        try:
            names = cuda_names()
        except Exception as error:  # a torch that does not fit its driver fails in any way
            raise ReadingError(str(error) or type(error).__name__) from None
        if not names:
            raise ReadingError("torch finds no CUDA device")
        return ", ".join(names)

    return _take("cuda", "", "torch", read)
