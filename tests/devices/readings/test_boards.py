"""What is read from two recorded boards, and from boards that are broken in some way."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from harness.devices.readings.energy import find_input_rail
from harness.devices.readings.linux import (
    MemoryLow,
    ReadingError,
    Tree,
    has_unified_memory,
    machine_names,
    memory_entry,
)
from harness.devices.readings.probe import MachineReading, machine_state, probe

MIB = 2**20

Plant = Callable[[Mapping[str, str]], Path]

GPU = "proc/driver/nvidia/gpus/0000:01:00.0/information"
RTX_3090 = "Model: \t\t NVIDIA GeForce RTX 3090\nIRQ:   \t\t 142\nBus Type: \t PCIe\n"
POWER = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input"


def by_name(readings: list[MachineReading]) -> dict[str, MachineReading]:
    return {reading.name: reading for reading in readings}


def test_boards_go_by_the_name_in_their_device_tree(nano: Path) -> None:
    """The name ends before its NUL, and is given once though two paths lead to it."""
    folder = nano / "sys/firmware/devicetree/base"
    shutil.copytree(nano / "proc/device-tree", folder)
    assert machine_names(nano) == ["NVIDIA Jetson Nano 2GB Developer Kit"]


def test_a_hidden_proc_does_not_hide_the_board(orin_nano: Path) -> None:
    """In a container without `/proc/device-tree` the name is read from `/sys`."""
    assert machine_names(orin_nano) == ["NVIDIA Jetson Orin Nano Developer Kit"]


def test_gpus_go_by_the_name_that_their_driver_gives(plant: Plant) -> None:
    """Each kind of card is named once; an unreadable card is passed over."""
    other = {GPU.replace("01:", "02:"): RTX_3090, GPU.replace("01:", "03:"): ""}
    assert machine_names(plant({GPU: RTX_3090, **other})) == ["NVIDIA GeForce RTX 3090"]


def test_a_machine_without_names_has_none(tmp_path: Path) -> None:
    """Neither board nor card: an empty list, not an error."""
    assert machine_names(tmp_path) == []
    assert not has_unified_memory(tmp_path)


def test_boards_share_their_memory(board: Path) -> None:
    """A Tegra's GPU has no memory of its own; a card has."""
    assert has_unified_memory(board)


def test_a_card_has_its_own_memory(plant: Plant) -> None:
    """A machine with a card is no board."""
    assert not has_unified_memory(plant({GPU: RTX_3090}))


def test_names_import_no_torch(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """Listing devices waits for no slow library."""
    code = (
        "import sys; from harness.devices.readings.linux import machine_names; "
        "import harness.devices.readings.probe; machine_names(); print('torch' in sys.modules)"
    )
    assert run_python("-c", code).stdout == "False\n"


def test_the_nano_is_read_whole(nano: Path) -> None:
    """Every number of the old layout arrives in its unit, with the path it is from."""
    readings = by_name(probe(nano))
    assert {name: reading.value for name, reading in readings.items()} == {
        "machine": "NVIDIA Jetson Nano 2GB Developer Kit",
        "memory_total": 2027276 / 1024,
        "memory_available": 1200.0,
        "swap_total": 1013632 / 1024,
        "swap_free": 989184 / 1024,
        "board_power": pytest.approx(4.032),
        "power_mode": "MAXN",
        "cpu_clock": 1479.0,
        "gpu_clock": 921.6,
        "temperature_AO-therm": 44.5,
        "temperature_CPU-therm": 36.5,
        "temperature_GPU-therm": 35.0,
        "temperature_PLL-therm": 34.5,
        "temperature_thermal-fan-est": 35.75,
    }
    assert readings["board_power"].source == f"POM_5V_IN: /{POWER}"
    assert readings["memory_total"].unit == "MiB"
    assert not any(reading.note for reading in readings.values())


def test_the_orin_nano_is_read_whole(orin_nano: Path) -> None:
    """Of the new layout too: power is the input's voltage times its current."""
    readings = by_name(probe(orin_nano))
    assert readings["board_power"].value == pytest.approx(4.976 * 1.480)
    assert readings["power_mode"].value == "MAXN_SUPER"
    assert readings["cpu_clock"].value == 1728.0
    assert readings["gpu_clock"].value == 1020.0
    assert readings["temperature_gpu-thermal"].value == 49.312
    assert readings["temperature_cv0-thermal"].value is None
    assert readings["temperature_cv0-thermal"].note == "the sensor is switched off"


def test_the_board_is_its_input_never_the_sum(board: Path) -> None:
    """Without the input rail there is no board power, though the other rails are there."""
    tree = Tree(board)
    names = [path for path in board.rglob("*") if path.name in ("rail_name_0", "in1_label")]
    assert find_input_rail(tree).name in ("POM_5V_IN", "VDD_IN")
    for path in names:
        path.unlink()
    with pytest.raises(ReadingError, match=r"no rail is the board's input; there are \w+, \w+"):
        find_input_rail(tree)


def test_old_rails_without_power_are_multiplied(nano: Path) -> None:
    """Where the old driver gives no power, voltage times current is it."""
    (nano / POWER).unlink()
    assert find_input_rail(Tree(nano)).power_w() == pytest.approx(5.040 * 0.800)


def test_a_machine_that_tells_nothing_has_readings_with_notes(tmp_path: Path) -> None:
    """Nothing is zero, nothing raises, and each note says why."""
    readings = probe(tmp_path)
    assert all(reading.value is None and reading.note for reading in readings)
    assert by_name(readings)["board_power"].note == "no INA3221 power monitor"
    assert by_name(readings)["memory_total"].note == "not there"


def spoil(path: Path, how: str) -> None:
    """Break a file as files of `/sys` break."""
    path.unlink()
    if how == "a folder":  # reading it fails as with a driver that answers with an error
        path.mkdir()
    elif how != "gone":
        path.write_bytes({"empty": b"", "words": b"n/a\n", "bytes": b"\xff\xfe\n"}[how])


@pytest.mark.parametrize("how", ["gone", "empty", "words", "bytes", "a folder"])
def test_a_broken_file_is_a_missing_value(board: Path, how: str) -> None:
    """Whichever file breaks, in whatever way: no exception, no zero, and the rest is read."""
    whole = by_name(probe(board))
    files = [path for path in board.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        spoil(path, how)
        readings = probe(board)
        for reading in readings:
            assert reading.value is not None or reading.note, (path, reading)
            assert reading.value != 0, (path, reading)
        unlike = [each.name for each in readings if whole.get(each.name) != each]
        assert len(unlike) <= 4, (path, unlike)  # all of memory is in one file
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        path.write_bytes(content)


def test_a_file_that_vanishes_is_a_missing_value(nano: Path) -> None:
    """A rail that was found and then goes is unreadable, not an error of another kind."""
    rail = find_input_rail(Tree(nano))
    (nano / POWER).unlink()
    with pytest.raises(ReadingError, match="not there"):
        rail.power_w()


@pytest.mark.parametrize("says", ["-120", "-1", "-0.5"])
def test_negative_power_is_a_missing_value(nano: Path, says: str) -> None:
    """A monitor below zero, or one that says what is no whole number, has no reading."""
    (nano / POWER).write_text(says)
    with pytest.raises(ReadingError, match=r"negative: -1|not a number: '-0.5'"):
        find_input_rail(Tree(nano)).power_w()
    assert by_name(probe(nano))["board_power"].value is None


def test_two_negative_numbers_are_no_power(nano: Path) -> None:
    """Voltage and current that are both below zero do not make a power above it."""
    (nano / POWER).unlink()
    folder = (nano / POWER).parent
    (folder / "in_voltage0_input").write_text("-5000")
    (folder / "in_current0_input").write_text("-800")
    with pytest.raises(ReadingError, match="negative: -5000"):
        find_input_rail(Tree(nano)).power_w()


def test_an_unknown_power_mode_keeps_its_number(nano: Path) -> None:
    """A mode that the configuration does not name is told by number."""
    (nano / "var/lib/nvpmodel/status").write_text("pmode:0007\n")
    assert by_name(machine_state(Tree(nano)))["power_mode"].value == "mode 7"


def test_two_sensors_of_one_kind_are_told_apart(nano: Path) -> None:
    """The second zone with a name is named with its number."""
    (nano / "sys/class/thermal/thermal_zone3/type").write_text("GPU-therm\n")
    temperatures = by_name(machine_state(Tree(nano)))
    assert temperatures["temperature_GPU-therm"].value == 35.0
    assert temperatures["temperature_GPU-therm(3)"].value == 34.5


def test_memory_is_in_bytes(nano: Path) -> None:
    """What Linux calls kB are 1,024 bytes each; lines without a unit are no sizes."""
    assert memory_entry(Tree(nano), "MemAvailable") == 1200 * MIB
    with pytest.raises(ReadingError, match="no entry HugePages_Total"):
        memory_entry(Tree(nano), "HugePages_Total")


def meminfo(available_mib: int, swap_free_mib: int, swap_mib: int = 500) -> str:
    values = {"MemAvailable": available_mib, "SwapTotal": swap_mib, "SwapFree": swap_free_mib}
    return "".join(f"{key}: {mib * 1024} kB\n" for key, mib in values.items())


def test_the_deepest_fall_counts(plant: Plant) -> None:
    """Memory that comes back later was used all the same; a rise is no negative use."""
    root = plant({"proc/meminfo": meminfo(1000, 400)})
    low = MemoryLow(Tree(root))
    assert low.fall_bytes is None
    for available, swap_free in ((1100, 450), (300, 380), (900, 400)):
        plant({"proc/meminfo": meminfo(available, swap_free)})
        low.sample()
    assert low.fall_bytes == 700 * MIB
    assert low.swap_growth_bytes == 20 * MIB


def test_without_swap_none_is_used(plant: Plant) -> None:
    """A machine without swap has no reading of it, not zero."""
    low = MemoryLow(Tree(plant({"proc/meminfo": meminfo(1000, 0, swap_mib=0)})))
    low.sample()
    assert low.fall_bytes == 0
    assert low.swap_growth_bytes is None


def test_an_unreadable_sample_is_left_out(plant: Plant) -> None:
    """A sample that fails changes nothing, and a start that failed leaves the rest unknown."""
    root = plant({"proc/meminfo": meminfo(1000, 400)})
    low = MemoryLow(Tree(root))
    (root / "proc/meminfo").write_text("")
    low.sample()
    assert low.fall_bytes is None
    late = MemoryLow(Tree(root))
    plant({"proc/meminfo": meminfo(900, 400)})
    late.sample()
    assert late.fall_bytes is None
    assert late.note == "/proc/meminfo: empty"
