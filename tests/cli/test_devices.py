"""Devices on the command line: what is there, what is asked for, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import Result

from harness.cli.main import DEVICES_COMMANDS, devices
from harness.devices.readings.probe import MachineReading

Call = Callable[..., Result]
Machine = Callable[..., None]

BOARD = """
name = "my-board"
model = "A board"
kind = "cuda"

[memory]
total_bytes = 1_000
system_bytes = -1
reserved_bytes = 200
"""


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Call commands in an empty folder."""
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.mark.parametrize("name", DEVICES_COMMANDS)
def test_table_of_device_commands_tells_the_truth(name: str) -> None:
    """A command's line in the group's help is the first sentence of its own."""
    command = devices.get_command(click.Context(devices), name)
    assert command is not None
    assert command.get_short_help_str(limit=200) == DEVICES_COMMANDS[name].help


def test_probe_says_what_is_read_and_why_not(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each reading has its unit and source; what is missing is blank with a note, and null."""
    readings = [
        MachineReading("machine", "A board", "", "/proc/device-tree/model"),
        MachineReading("memory_total", 1979.5, "MiB", "/proc/meminfo"),
        MachineReading("board_power", None, "W", "INA3221", "no INA3221 power monitor"),
    ]
    asked = []

    def probe(root: Path) -> list[MachineReading]:
        asked.append(root)
        return readings

    monkeypatch.setattr("harness.cli.devices.probe", probe)
    lines = call("devices", "probe").stdout.splitlines()
    assert [line.split() for line in [lines[0], *lines[2:]]] == [
        ["name", "value", "unit", "source", "note"],
        ["machine", "A", "board", "/proc/device-tree/model"],
        ["memory_total", "1,979.5", "MiB", "/proc/meminfo"],
        ["board_power", "W", "INA3221", "no", "INA3221", "power", "monitor"],
    ]
    rows = json.loads(call("devices", "probe", "--json").stdout)
    assert rows[2] == {
        "name": "board_power",
        "value": None,
        "unit": "W",
        "source": "INA3221",
        "note": "no INA3221 power monitor",
    }
    assert asked == [Path("/"), Path("/")]


def test_probe_reads_a_copy_from_a_board(call: Call, tmp_path: Path) -> None:
    """With --root the folder is read, and not this machine."""
    model = tmp_path / "proc" / "device-tree" / "model"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"NVIDIA Jetson Nano 2GB Developer Kit\0")
    rows = json.loads(call("devices", "probe", "--json", "--root", str(tmp_path)).stdout)
    assert "NVIDIA Jetson Nano 2GB Developer Kit" in [row["value"] for row in rows]
    assert call("devices", "probe", "--root", str(tmp_path / "nowhere")).exit_code == 2


def test_show_prints_rates_with_unit_and_source(call: Call) -> None:
    """Each rate of a profile stands with its unit, a readable one, and where it comes from."""
    text = call("show", "jetson").stdout
    for line in (
        "compute.fp32_flops  236,000,000,000 FLOP/s = 236 GFLOP/s",
        "compute.fp16_flops  472,000,000,000 FLOP/s = 472 GFLOP/s",
        "compute.bandwidth_bytes_s  25,600,000,000 bytes/s = 25.6 GB/s",
        "compute.launch_s  3e-05 s = 30 µs",
        "recognised by  *Jetson Nano 2GB*",
    ):
        assert f"  {line}\n" in text
    (description,) = json.loads(call("show", "jetson", "--json").stdout)
    assert description["profile"]["compute"]["fp32_flops"] == 236e9
    assert "fp16" not in call("show", "rtx3090").stdout  # what is not known is not printed


def test_show_says_where_nothing_can_be_made_of_a_device(call: Call, machine: Machine) -> None:
    """A GPU that is not there is neither measured nor emulated, and its mode is null."""
    machine([], [])
    assert (
        "profile (not on this machine, and with nothing to emulate)" in call("show", "cuda").stdout
    )
    (description,) = json.loads(call("show", "cuda", "--json").stdout)
    assert description["mode"] is None


def test_doctor_says_what_each_device_is_here(call: Call, machine: Machine, tmp_path: Path) -> None:
    """A device that is not at hand is no problem."""
    machine([], [])
    folders = ["--cache-root", str(tmp_path / "cache"), "--output", str(tmp_path / "runs")]
    checks = {
        check["subject"]: check for check in json.loads(call("doctor", "--json", *folders).stdout)
    }
    assert checks["device cuda"]["status"] == "ok"
    assert checks["device cuda"]["finding"] == "not at hand, and it has nothing to emulate"
    assert checks["device rtx3090"]["finding"] == "emulated, computes on cpu"


def test_board_of_a_person_is_listed_and_shown(
    call: Call, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that HARNESS_DEVICES names is a device like the others, and shown with its path."""
    path = work / "b.toml"
    path.write_text('name = "my-board"\nmodel = "A board"\nkind = "cpu"\n')
    monkeypatch.setenv("HARNESS_DEVICES", "b.toml")
    assert "my-board" in call("list", "devices").stdout
    assert f"  profile {path}\n" in call("show", "my-board").stdout
    assert f"my-board   {path}" in call("plugins", "list").stdout


def test_wrong_board_is_a_warning_until_it_is_asked_for(
    call: Call, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one line on standard error and one in `plugins list`; asked for, it is an error."""
    path = work / "b.toml"
    path.write_text(BOARD)
    monkeypatch.setenv("HARNESS_DEVICES", str(work))
    words = "'memory.system_bytes' is -1; it must be an integer >= 0"
    sentence = f"profile 'my-board' ({path}) is not used: {words}"
    listed = call("list", "devices")
    assert (listed.exit_code, listed.stderr) == (0, f"Warning: {sentence}\n")
    assert f"not used: {words}" in call("plugins", "list").stdout
    for arguments in (["show", "my-board"], ["run", "-m", "random", "-d", "my-board"]):
        result = call(*arguments)
        assert result.exit_code == 2
        assert result.stderr.splitlines()[-1] == f"Error: {sentence}"
    monkeypatch.setenv("HARNESS_STRICT_PLUGINS", "1")
    assert call("list", "devices").exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["-d", "jetson", "--mode", "measured"],
            "device 'jetson' cannot be measured here: it goes by '*Jetson Nano 2GB*', and this "
            "machine is 'NVIDIA H200'",
        ),
        (
            ["-d", "rtx3090", "--mode", "measured"],
            "device 'rtx3090' cannot be measured here: it goes by '*GeForce RTX 3090', and this "
            "machine is 'NVIDIA H200'",
        ),
        (
            ["-d", "cuda"],
            "device 'cuda' cannot be used here: torch finds no CUDA GPU that it could be (this "
            "machine is 'NVIDIA H200'), and its profile has neither a memory limit nor rates that "
            "could be emulated",
        ),
    ],
)
def test_run_refuses_what_is_not_at_hand_and_writes_nothing(
    call: Call, machine: Machine, work: Path, arguments: list[str], words: str
) -> None:
    """One sentence says what was looked for and what this machine is; there is no run folder."""
    machine(["NVIDIA H200"], [])
    result = call("run", "-m", "random", *arguments)
    assert (result.exit_code, result.stdout, result.stderr) == (2, "", f"Error: {words}\n")
    assert list(work.iterdir()) == []


def test_mode_is_one_of_two(call: Call, work: Path) -> None:
    """A mode that there is not is wrong usage, on the command line and in a suite."""
    assert call("run", "-m", "random", "--mode", "predicted").exit_code == 2
    suite = work / "mine.toml"
    suite.write_text('[[trials]]\nmethods = ["random"]\nmode = "predicted"\n')
    result = call("run", "mine.toml")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: suite key 'mode' in mine.toml, line 3: ")
