"""`doctor` finds what a run would fail on, and says what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from harness_datasets.torchmeta import library
from harness_datasets.torchmeta.library import INSTALL, is_installed

from harness import environment
from harness.environment import describe_environment
from harness.errors import UsageError
from harness.system import limits as checking

Call = Callable[..., Result]
Install = Callable[[str, str], Path]

DEVICE = """
from harness import hookimpl

@hookimpl
def harness_register_devices(register):
    register("board", "board_code:Board")
"""

CHECKS = """
from harness import hookimpl
from harness.environment import Check

@hookimpl
def harness_doctor():
    """


@pytest.fixture
def checks(call: Call, tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """Return `checks(*arguments)`: the exit status, and each check under its subject."""

    def checks(*arguments: str) -> dict[str, Any]:
        folders = ["--cache-root", str(tmp_path / "cache"), "--output", str(tmp_path / "runs")]
        result = call("doctor", "--json", *folders, *arguments)
        found = {check["subject"]: check for check in json.loads(result.stdout)}
        return {"exit_code": result.exit_code, **found}

    return checks


def test_all_is_well_here(
    checks: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    machine: Callable[..., None],
    tmp_path: Path,
) -> None:
    """Where the test suite runs, so does a run; looking at folders makes none."""
    machine([], [])
    monkeypatch.setattr(checking, "ENOUGH_BYTES", 0)
    found = checks("--data-root", str(tmp_path))
    subjects = {
        "python",
        "torch",
        "torchvision",
        "torchmeta",
        "glyphs",
        "data root",
        "cache folder",
    }
    subjects |= {"run folder", "plugin devices", "device cpu", "device jetson"}
    for subject in subjects:
        assert found[subject]["status"] == "ok", found[subject]
    assert found["exit_code"] == 0
    assert found["device jetson"]["finding"] == "emulated, computes on cpu"
    assert list(tmp_path.iterdir()) == []


def test_data_root_that_is_not_there_is_a_problem(
    checks: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """A wrong data root is named, and the exit status is 1."""
    found = checks("--data-root", str(tmp_path / "nowhere"))
    assert found["data root"]["status"] == "problem"
    assert "nowhere" in found["data root"]["finding"]
    assert found["exit_code"] == 1


def test_folder_that_cannot_be_written_is_a_problem(
    checks: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    """A run folder that would lie inside a file cannot be written to."""
    (tmp_path / "file").write_text("")
    found = checks("--output", str(tmp_path / "file" / "runs"))
    assert found["run folder"]["status"] == "problem"
    assert found["run folder"]["advice"] == "choose another with --output"


def test_full_disk_is_a_warning(
    checks: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Little room is a warning, which leaves the exit status at 0."""
    monkeypatch.setattr(checking, "ENOUGH_BYTES", 2**80)
    found = checks()
    assert found["cache folder"]["status"] == "warning"
    assert found["exit_code"] == 0


def test_library_that_cannot_be_imported_is_a_problem(
    checks: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A torchvision that does not match torch fails on import, with whatever it raises."""

    def fail(name: str) -> None:
        raise RuntimeError("operator torchvision::nms does not exist")

    monkeypatch.setattr(environment, "import_module", fail)
    found = checks()
    assert "operator torchvision::nms does not exist" in found["torchvision"]["finding"]
    assert "pip install" in found["torchvision"]["advice"]
    assert found["exit_code"] == 1


def test_missing_torchmeta_is_no_problem(
    checks: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """torchmeta is optional: without it all is well, and the commands that install it are named."""
    monkeypatch.setattr(library, "is_installed", lambda: False)
    found = checks()
    assert found["torchmeta"]["status"] == "ok"
    assert (
        "not installed, and needed only by the data set torchmeta" in found["torchmeta"]["finding"]
    )
    assert all(f"'{command}'" in found["torchmeta"]["advice"] for command in INSTALL)
    assert found["exit_code"] == 0


def test_torchmeta_of_no_use_is_a_warning(
    checks: Callable[..., dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A torchmeta that cannot be imported is told apart from none, with the reason."""

    def fail() -> None:
        raise UsageError("torchmeta cannot be imported (No module named 'h5py')")

    monkeypatch.setattr(library, "is_installed", lambda: True)
    monkeypatch.setattr(library, "load_torchmeta", fail)
    found = checks()
    assert found["torchmeta"]["status"] == "warning"
    assert "No module named 'h5py'" in found["torchmeta"]["advice"]
    assert found["exit_code"] == 0


@pytest.mark.skipif(not is_installed(), reason=f"not installed: {' && '.join(INSTALL)}")
def test_usable_torchmeta_is_named(checks: Callable[..., dict[str, Any]]) -> None:
    """Where torchmeta can be imported with its repairs, its release is told."""
    found = checks()
    assert found["torchmeta"]["status"] == "ok"
    assert found["torchmeta"]["finding"].startswith("1.8.0, repaired")
    assert found["torchmeta"]["advice"] == ""


@pytest.mark.parametrize(
    ("body", "status", "finding"),
    [
        ("return [Check('camera', 'warning', 'not plugged in')]", "warning", "not plugged in"),
        ("raise KeyError('gone')", "problem", "failed in its hook 'harness_doctor': KeyError"),
        ("return [None]", "problem", "a list with a NoneType, not of Check"),
    ],
)
def test_plugins_add_checks_and_fail_alone(
    checks: Callable[..., dict[str, Any]],
    plugin_factory: Install,
    body: str,
    status: str,
    finding: str,
) -> None:
    """A plugin's own checks are rows; one that fails is a problem and hides no other row."""
    plugin_factory("cameras", CHECKS + body)
    found = checks()
    rows = [each for subject, each in found.items() if subject != "exit_code"]
    (row,) = (each for each in rows if finding in each["finding"])
    assert row["status"] == status
    assert row["subject"] == ("camera" if status == "warning" else "checks of plugin cameras")
    assert found["torchmeta"]["status"] == found["glyphs"]["status"] == "ok"


def test_broken_plugins_are_problems(
    checks: Callable[..., dict[str, Any]], plugin_factory: Install
) -> None:
    """A plugin that cannot be loaded, a name claimed twice, a device that fails: each is named."""
    plugin_factory("broken", "import not_there")
    for name in ("one", "two"):
        plugin_factory(name, DEVICE.replace("board_code", f"{name}_code"))
    plugin_factory("three", DEVICE.replace('"board"', '"lone-board"'))
    found = checks()
    assert found["plugin broken"]["status"] == "problem"
    assert found["device board"]["status"] == "problem"
    assert "plugin 'one'" in found["device board"]["finding"]
    assert "No module named 'board_code'" in found["device lone-board"]["finding"]
    assert found["exit_code"] == 1


def test_text_says_what_to_do(call: Call, tmp_path: Path) -> None:
    """The table has a line for each check, and the advice stands below it."""
    result = call("doctor", "--data-root", str(tmp_path / "nowhere"))
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0].split() == ["status", "subject", "finding"]
    assert "\ndata root: correct --data-root or HARNESS_DATA.\n" in result.stdout


def test_environment_is_described_in_json_values() -> None:
    """What goes into a record is JSON, and names interpreter, machine and harness."""
    description = describe_environment()
    assert json.loads(json.dumps(description)) == description
    assert {"harness", "python", "platform", "processor", "cores", "torch"} <= set(description)
    assert description["cores"] >= 1
