"""What a measured time depends on beside the work: power mode, clocks, temperatures."""

from __future__ import annotations

import re

from harness.devices.readings.reading import Reading, take
from harness.devices.readings.tree import Tree, UnreadableError

__all__ = ["clocks", "machine_state", "power_mode", "temperatures"]

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


def machine_state(tree: Tree) -> list[Reading]:
    """Return power mode, clocks and temperatures as they are now."""
    return [power_mode(tree), *clocks(tree), *temperatures(tree)]


def power_mode(tree: Tree) -> Reading:
    """Return the name of a Jetson board's power mode, which caps clocks and cores."""
    return take("power_mode", "", POWER_STATUS, lambda: _power_mode(tree))


def clocks(tree: Tree) -> list[Reading]:
    """Return the clocks of the fastest core and of the integrated GPU, in MHz."""
    gpu = next((found for each in GPU_CLOCKS if (found := tree.matching(each))), [])
    return [
        take(
            "cpu_clock", "MHz", CPU_CLOCKS, lambda: _highest(tree, tree.matching(CPU_CLOCKS), 1e3)
        ),
        take(
            "gpu_clock", "MHz", gpu[0] if gpu else GPU_CLOCKS[0], lambda: _highest(tree, gpu, 1e6)
        ),
    ]


def temperatures(tree: Tree) -> list[Reading]:
    """Return the temperature of each thermal zone in °C, named after the zone's sensor."""
    readings: dict[str, Reading] = {}
    for zone in tree.matching(ZONES):
        name = f"temperature_{_sensor(tree, zone)}"
        if name in readings:  # two sensors of one kind
            name += zone.removeprefix(ZONES[:-1]).join("()")
        if NO_SENSOR not in name:
            readings[name] = _temperature(tree, name, f"{zone}/temp")
    missing = Reading("temperature", None, "°C", ZONES, "no thermal zones")
    return list(readings.values()) or [missing]


def _power_mode(tree: Tree) -> str:
    status = tree.text(POWER_STATUS)
    found = re.search(r"pmode:(\d+)", status)
    if found is None:
        raise UnreadableError(f"no power mode in {status[:40]!r}")
    number = int(found[1])
    try:
        modes = re.findall(r"< *POWER_MODEL +ID=(\d+) +NAME=(\S+)", tree.text(POWER_MODES))
    except UnreadableError:
        modes = []
    return next((name for each, name in modes if int(each) == number), f"mode {number}")


def _highest(tree: Tree, paths: list[str], per_mhz: float) -> float:
    """Return the highest of some clocks in MHz; cores that are switched off have none."""
    found, reasons = [], ["not there"]
    for path in paths:
        try:
            found.append(tree.number(path))
        except UnreadableError as error:
            reasons.append(str(error))
    if not found:
        raise UnreadableError(reasons[-1])
    return max(found) / per_mhz


def _sensor(tree: Tree, zone: str) -> str:
    try:
        return tree.text(f"{zone}/type")
    except UnreadableError:
        return zone.rpartition("/")[2]


def _temperature(tree: Tree, name: str, path: str) -> Reading:
    def read() -> float:
        celsius = tree.number(path) / 1000
        if celsius < COLDEST_C:
            raise UnreadableError("the sensor is switched off")
        return celsius

    return take(name, "°C", path, read)
