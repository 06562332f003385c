"""Two boards as files: what their `/proc` and `/sys` say, as far as it is read here.

Written after NVIDIA's and Linux's documentation and what users of these boards have posted; none of
it was recorded on a board of our own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Files = Mapping[str, str]

# Jetson Nano 2 GB, L4T 32.7 (JetPack 4.6). The 2 GB kit may lack the power monitor; see docs.
NANO: Files = {
    "proc/device-tree/model": "NVIDIA Jetson Nano 2GB Developer Kit\0",
    "proc/device-tree/compatible": (
        "nvidia,p3542-0000+p3448-0003\0nvidia,jetson-nano-2gb\0nvidia,jetson-nano\0nvidia,tegra210\0"
    ),
    "proc/meminfo": (
        "MemTotal:        2027276 kB\n"
        "MemFree:          212340 kB\n"
        "MemAvailable:    1228800 kB\n"
        "Buffers:           41292 kB\n"
        "SwapTotal:       1013632 kB\n"
        "SwapFree:         989184 kB\n"
        "HugePages_Total:       0\n"
    ),
    "var/lib/nvpmodel/status": "pmode:0000",
    "etc/nvpmodel.conf": (
        "< PARAM TYPE=FILE NAME=CPU_ONLINE >\n"
        "CORE_0 /sys/devices/system/cpu/cpu0/online\n"
        "< POWER_MODEL ID=0 NAME=MAXN >\n"
        "CPU_ONLINE CORE_0 1\n"
        "< POWER_MODEL ID=1 NAME=5W >\n"
        "CPU_ONLINE CORE_0 1\n"
        "< PM_CONFIG DEFAULT=0 >\n"
    ),
    **{
        f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq": f"{khz}\n"
        for core, khz in enumerate((1479000, 1479000, 102000, 102000))
    },
    "sys/devices/57000000.gpu/devfreq/57000000.gpu/cur_freq": "921600000\n",
    **{
        f"sys/class/thermal/thermal_zone{number}/{file}": f"{text}\n"
        for number, (name, millidegrees) in enumerate(
            [
                ("AO-therm", 44500),
                ("CPU-therm", 36500),
                ("GPU-therm", 35000),
                ("PLL-therm", 34500),
                ("PMIC-Die", 100000),
                ("thermal-fan-est", 35750),
            ]
        )
        for file, text in (("type", name), ("temp", millidegrees))
    },
    **{
        f"sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/{file}": f"{text}\n"
        for number, (name, millivolts, milliamperes, milliwatts) in enumerate(
            [
                ("POM_5V_IN", 5040, 800, 4032),
                ("POM_5V_GPU", 5040, 240, 1209),
                ("POM_5V_CPU", 5040, 224, 1128),
            ]
        )
        for file, text in (
            (f"rail_name_{number}", name),
            (f"in_voltage{number}_input", millivolts),
            (f"in_current{number}_input", milliamperes),
            (f"in_power{number}_input", milliwatts),
        )
    },
}

# Jetson Orin Nano 8 GB, L4T 36 (JetPack 6).
ORIN_NANO: Files = {
    "sys/firmware/devicetree/base/model": "NVIDIA Jetson Orin Nano Developer Kit\0",
    "sys/firmware/devicetree/base/compatible": (
        "nvidia,p3768-0000+p3767-0005\0nvidia,p3767-0005\0nvidia,tegra234\0"
    ),
    "proc/meminfo": (
        "MemTotal:        7802380 kB\n"
        "MemAvailable:    5242880 kB\n"
        "SwapTotal:       3901184 kB\n"
        "SwapFree:        3901184 kB\n"
    ),
    "var/lib/nvpmodel/status": "pmode:0002 fmode:quiet\n",
    "etc/nvpmodel.conf": (
        "< POWER_MODEL ID=0 NAME=15W >\n"
        "< POWER_MODEL ID=1 NAME=25W >\n"
        "< POWER_MODEL ID=2 NAME=MAXN_SUPER >\n"
        "< PM_CONFIG DEFAULT=1 >\n"
    ),
    **{
        f"sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq": "1728000\n"
        for core in range(6)
    },
    "sys/class/devfreq/15340000.vic/cur_freq": "115200000\n",
    "sys/class/devfreq/17000000.gpu/cur_freq": "1020000000\n",
    **{
        f"sys/class/thermal/thermal_zone{number}/{file}": f"{text}\n"
        for number, (name, millidegrees) in enumerate(
            [("cpu-thermal", 48500), ("gpu-thermal", 49312), ("cv0-thermal", -256000)]
        )
        for file, text in (("type", name), ("temp", millidegrees))
    },
    **{
        f"sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/{file}": f"{text}\n"
        for number, name, millivolts, milliamperes in (
            (1, "VDD_IN", 4976, 1480),
            (2, "VDD_CPU_GPU_CV", 4976, 520),
            (3, "VDD_SOC", 4976, 312),
        )
        for file, text in (
            (f"in{number}_label", name),
            (f"in{number}_input", millivolts),
            (f"curr{number}_input", milliamperes),
        )
    },
    "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon1/in7_label": "sum of shunt voltages\n",
}

Plant = Callable[[Files], Path]


@pytest.fixture
def plant(tmp_path: Path) -> Plant:
    """Return a function that writes files below a root, and returns the root."""
    root = tmp_path / "root"
    root.mkdir()

    def write(files: Files) -> Path:
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return root

    return write


@pytest.fixture
def nano(plant: Plant) -> Path:
    """The root of a Jetson Nano 2 GB."""
    return plant(NANO)


@pytest.fixture
def orin_nano(plant: Plant) -> Path:
    """The root of a Jetson Orin Nano 8 GB."""
    return plant(ORIN_NANO)


@pytest.fixture(params=["nano", "orin_nano"])
def board(request: pytest.FixtureRequest) -> Path:
    """The root of one board, then of the other."""
    root: Path = request.getfixturevalue(request.param)
    return root
