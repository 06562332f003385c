"""What is written of a profile reads back as the same profile."""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from typing import Any

import pytest

from harness.cost_model.profile import KERNEL_CLASSES, CostError, CostProfile, KernelRates
from harness.devices.profile import DeviceProfile, check_destination, parse_profile, profile_toml
from harness.errors import UsageError

BARE: dict[str, Any] = {"name": "board", "model": "A board", "kind": "cpu"}


@pytest.fixture
def cost() -> CostProfile:
    """Return a cost model with numbers from nanoseconds to quintillions."""
    rates = KernelRates(launch_s=1.5e-9, flops_s=1e18, bytes_s=123.4)
    return CostProfile(
        launches="serial",
        python_kernel_s=0.0,
        engine_kernel_s=1e-05,
        rates=dict.fromkeys(KERNEL_CLASSES, rates),
        error=CostError(cases=2, mean_percent=9.5, low=0.8, high=1.25),
        provenance="made up",
    )


def read_back(profile: DeviceProfile) -> DeviceProfile:
    return parse_profile(profile_toml(profile), "board.toml")


@pytest.mark.parametrize("name", ["cpu", "jetson", "rtx3090"])
def test_built_in_profiles_survive(name: str) -> None:
    """Whole numbers stay whole, and each number keeps its source."""
    path = importlib.resources.files("harness_devices").joinpath(f"{name}.toml")
    profile = parse_profile(path.read_text(encoding="utf-8"), name)
    assert read_back(profile) == profile


@pytest.mark.parametrize(
    "text", ['"quoted" \\ back', "C = 28, 84×84 µs", "tab\tline\nend\x7f", "# no comment", "[x]"]
)
def test_any_text_survives(text: str) -> None:
    """Quotes, line ends, Greek letters and what looks like TOML are text."""
    profile = DeviceProfile(**{**BARE, "model": text, "recognised_by": [text, "*"]})
    assert read_back(profile) == profile


def test_cost_model_survives(cost: CostProfile) -> None:
    """Rates of each class, small and large, and the error are what they were."""
    profile = DeviceProfile(**BARE, cost=cost)
    assert read_back(profile) == profile


def test_only_what_calibration_wrote_is_overwritten(tmp_path: Path) -> None:
    """A new file is fine, an earlier result too; what a person has written needs force."""
    path = tmp_path / "board.toml"
    check_destination(path, force=False)
    path.write_text(profile_toml(DeviceProfile(**BARE)))
    check_destination(path, force=False)
    path.write_text('name = "mine"\n')
    with pytest.raises(UsageError, match=r"was not written by calibration; --force overwrites it"):
        check_destination(path, force=False)
    check_destination(path, force=True)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("board.json", "the name of a device profile must end in .toml, and '.*board.json' does"),
        ("folder.toml", "folder.toml is a folder, and a device profile is a file"),
        ("nowhere/board.toml", "board.toml cannot be written: .*nowhere is not a folder"),
    ],
)
def test_bad_destination_is_refused(tmp_path: Path, name: str, words: str) -> None:
    """One sentence says what is wrong with the path, whatever may be overwritten."""
    (tmp_path / "folder.toml").mkdir()
    for force in (False, True):
        with pytest.raises(UsageError, match=words):
            check_destination(tmp_path / name, force=force)
