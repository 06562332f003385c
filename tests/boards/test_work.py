"""What is asked of a board, and what is made here of its answers."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import harness
from harness.cost_model.profile import KERNEL_CLASSES, CostProfile
from harness.devices.profile import DeviceProfile, profile_toml, read_profile
from tests.boards.conftest import call, digest_of, recommended, script

pytestmark = pytest.mark.timeout(200)


def test_the_same_is_asked_of_the_board(
    stranger: Callable[[str], Path], photos: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All options go along, and a profile that the board has not; no place of this machine does."""
    (scratch / "mine.toml").write_text(
        'name = "mine"\nmodel = "Mine"\nkind = "cpu"\n[compute]\nfp32_flops = 1e9\n'
        "bandwidth_bytes_s = 1e9\nlaunch_s = 1e-5\n[sources]\ncompute.fp32_flops = 'x'\n"
        "compute.bandwidth_bytes_s = 'x'\ncompute.launch_s = 'x'\n"
    )
    monkeypatch.setenv("HARNESS_DEVICES", str(scratch / "mine.toml"))
    folder = stranger(script([]))
    options = "-d mine -m darts[order=1] --mode emulated --keep supernet --size 16 --gray"
    more = "--channels 3 --epochs 5 --memory 1.5GiB --race-time 90s --seed 4"
    call("adapt", photos, *options.split(), *more.split(), "--on", "ssh://nano", "-o", "out")
    asked = json.loads((folder / "asked").read_text())
    assert asked["words"] == [
        "adapt", "my $(touch hacked) photos", "-d", "mine", "--mode", "emulated", "--keep",
        "supernet", "--size", "16", "--channels", "3", "--epochs", "5", "--seed", "4", "--gray",
        "--memory", "1536MiB", "--race-time", "90s", "-m", "darts[order=1]", "-o", "model",
        "--json",
    ]  # fmt: skip
    assert asked["folders"] == [f"work/{photos.name}/-bright <b>", f"work/{photos.name}/dark"]
    assert len(asked["files"]) == 21
    assert asked["files"]["devices/mine.toml"] == digest_of(scratch / "mine.toml")
    assert not any("notes.txt" in place for place in asked["files"])
    assert str(scratch) not in json.dumps(asked)


def test_recommendation_is_asked_of_the_board(
    stranger: Callable[[str], Path], photos: Path, scratch: Path
) -> None:
    """All options go along; what comes back is shown as one from here is, or told in JSON."""
    folder = stranger(script([{"ended": 0, "answer": json.dumps(recommended())}]))
    options = "--size 8 --memory 1GiB --time 2min --energy 5kJ --no-rehearse --on ssh://me@nano"
    result = call("recommend", photos, *options.split())
    assert result.exit_code == 0, result.output
    asked = json.loads((folder / "asked").read_text())
    assert asked["words"] == [
        "recommend", photos.name, "-d", "cpu", "--size", "8", "--memory", "1024MiB",
        "--time", "120s", "--energy", "5000J", "--no-rehearse", "--json",
    ]  # fmt: skip
    assert asked["result"] is None
    assert len(asked["files"]) == 20
    assert result.stdout.startswith("Take  [1mrandom.\n")
    assert re.search(r"random +~1\.0 .* 50 ", result.stdout)
    assert "[1mlarge" in result.stdout
    assert "\x1b" not in result.output
    nothing = recommended(recommended=None)
    stranger(script([{"ended": 1, "answer": json.dumps(nothing)}]))
    result = call("recommend", photos, "--on", "ssh://nano", "--json")
    assert result.exit_code == 1
    told = json.loads(result.stdout)
    assert told == {**nothing, "sentence": "Take  [1mrandom.", "methods": told["methods"]}
    assert harness.recommend(photos, on="ssh://nano").choice is None


def test_archive_and_checkpoint_go_along(
    stranger: Callable[[str], Path], photos: Path, scratch: Path
) -> None:
    """An archive is one file; a name that an option or another input would be is not kept."""
    packed = shutil.make_archive(str(scratch / "-all"), "zip", photos)
    (scratch / "learned.safetensors").write_bytes(b"weights")
    folder = stranger(script([]))
    words = ("--on", "ssh://nano", "-m", "darts", "--checkpoint", "learned.safetensors")
    call("adapt", packed, *words, "-o", "out")
    asked = json.loads((folder / "asked").read_text())
    assert asked["words"][:7] == [
        "adapt", "./-all.zip", "-d", "cpu", "-m", "darts", "--checkpoint",
    ]  # fmt: skip
    assert asked["files"] == {
        "work/-all.zip": digest_of(Path(packed)),
        f"work/{asked['words'][7]}": digest_of(scratch / "learned.safetensors"),
    }
    photos.rename(scratch / "model")
    call("adapt", "model", "--on", "ssh://nano", "-o", "photos")  # which is no place there
    assert json.loads((folder / "asked").read_text())["words"][1] == "photos"


def test_profile_of_a_board_is_no_other_machines(
    stranger: Callable[[str], Path], scratch: Path
) -> None:
    """Brought home, it is recognised by the board's names, and not as any machine."""
    error = {"mean_percent": 5.0, "low": 0.9, "high": 1.1, "cases": 9}
    rates = {"launch_s": 1e-5, "flops_s": 1e9, "bytes_s": 1e9}
    cost = CostProfile.model_validate(
        {
            "launches": "serial", "python_kernel_s": 0.0, "engine_kernel_s": 0.0,
            "parallel_speedup": 1.0, "rates": dict.fromkeys(KERNEL_CLASSES, rates),
            "error": error, "provenance": "a test",
        }
    )  # fmt: skip
    profile = DeviceProfile(name="pi", model="A board", kind="cpu", recognised_by=["*"], cost=cost)
    content = profile_toml(profile).encode()
    left_out = [{"name": "a", "network": "n", "measured_s": 1.0, "predicted_s": 1.1, "error": 0.1}]
    answer = json.dumps({"cost": cost.model_dump(mode="json"), "left_out": left_out})
    told = [{"ended": 0, "answer": answer, "files": [["profile.toml", len(content)]]}]
    words = ("devices", "calibrate", "--on", "ssh://nano", "--name", "pi", "-o", "pi.toml")
    stranger(script(told, content).replace("protocol=1", "protocol=1, machine=['Raspberry Pi 5']"))
    result = call(*words)
    assert result.exit_code == 0, result.output
    assert read_profile(scratch / "pi.toml").recognised_by == ["Raspberry Pi 5"]
    assert "off by 5.0 %" in result.stdout
    stranger(script(told, content))
    result = call(*words, "--json")
    assert json.loads(result.stdout)["left_out"] == left_out
    assert read_profile(scratch / "pi.toml").recognised_by == []
    assert "always emulated" in result.stderr
    stranger(script([{**told[0], "files": [["profile.toml", 7]]}], b"name = "))
    assert "profile of ssh://nano" in call(*words).stderr
