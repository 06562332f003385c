"""`harness devices calibrate` says what it found, and leaves a device that can be used."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import harness
from harness.cli.main import cli
from harness.cost_model.calibrate.fit import Case
from harness.cost_model.calibrate.timing import Work
from harness.devices.profile import read_profile
from harness.errors import UsageError

Call = Callable[..., Result]


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Call commands in an empty folder, without devices of one's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HARNESS_DEVICES", raising=False)
    return tmp_path


@pytest.fixture
def call(
    work: Path, operations: list[Case], networks: list[Case], monkeypatch: pytest.MonkeyPatch
) -> Call:
    """Return `call(*arguments)`; what would be measured is what the known processor takes."""

    def measure(works: Sequence[Work], started: Callable[[str], None]) -> list[Case]:
        for each in works:
            started(each.name)
        single = [each for each in works if not each.group]
        assert list(works[: len(single)]) == single
        return [*(operations[n % len(operations)] for n in range(len(single))), *networks]

    monkeypatch.setattr("harness.cost_model.calibrate.processor.measure", measure)

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(cli, ["devices", "calibrate", *arguments])

    return call


def test_profile_is_written_and_said_how_to_use(call: Call, work: Path) -> None:
    """Each left-out time stands beside its prediction, then the error and the next command."""
    result = call()
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert " ".join(lines[0].split()) == "left out of the fit measured ms predicted ms error %"
    assert len([line for line in lines if line.startswith("network ")]) == 36
    assert any(line.startswith("Predictions for networks that were left out") for line in lines)
    assert f"  export HARNESS_DEVICES={work / 'this-cpu.toml'}" in lines
    assert lines[-1] == "  harness estimate -d this-cpu ..."
    assert "[1/" in result.stderr
    profile = read_profile(work / "this-cpu.toml")
    assert (profile.name, profile.kind, profile.recognised_by) == ("this-cpu", "cpu", ["*"])
    assert profile.memory is None
    assert profile.cost is not None
    assert profile.cost.error.cases == 36
    for word in ("devices calibrate", "torch", "threads"):
        assert word in profile.cost.provenance


def test_json_has_every_time_and_the_cost_model(call: Call, work: Path) -> None:
    """Standard output is one JSON value; progress stays on standard error."""
    found = json.loads(call("--json", "-o", "board.toml", "--name", "my-board").stdout)
    assert (found["device"], found["profile"]) == ("my-board", "board.toml")
    assert len(found["left_out"]) == 36
    row = found["left_out"][0]
    assert row["error"] == pytest.approx(row["predicted_s"] / row["measured_s"] - 1)
    profile = read_profile(work / "board.toml")
    assert profile.cost is not None
    assert found["cost"] == profile.cost.model_dump(mode="json")


def test_device_can_be_shown_and_calibrated_again(
    call: Call, work: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file is a device like others, which a second calibration may replace."""
    call()
    monkeypatch.setenv("HARNESS_DEVICES", "this-cpu.toml")
    shown = CliRunner().invoke(cli, ["show", "this-cpu"]).stdout
    assert "cost model, fitted by calibration; times from it are predicted" in shown
    assert "times that their fit had not seen" in shown
    for kind in ("depthwise", "optimizer"):
        assert f"  cost.rates.{kind}" in shown
    assert call().exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "mine.toml"], "mine.toml was not written by calibration; --force overwrites it"),
        (["-o", "mine.json"], "must end in .toml"),
        (["-o", "nowhere/x.toml"], "nowhere is not a folder"),
        (["--name", "cpu"], "there is a device 'cpu', of plugin 'devices'"),
        (["--name", "My CPU"], "'My CPU'"),
    ],
)
def test_what_would_be_lost_or_useless_is_refused_first(
    call: Call, work: Path, arguments: list[str], words: str
) -> None:
    """Nothing is measured, and no file is touched, when the result could not be kept or used."""
    mine = work / "mine.toml"
    mine.write_text('name = "mine"\n')
    result = call(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "[1/" not in result.stderr
    assert list(work.iterdir()) == [mine]
    assert mine.read_text() == 'name = "mine"\n'


@pytest.mark.usefixtures("call")
def test_python_gives_the_same_device(work: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`harness.calibrate` returns the profile that it writes, and its errors as a table."""
    found = harness.calibrate("my-cpu", "my-cpu.toml", progress=False)
    assert read_profile(work / "my-cpu.toml") == found.profile
    assert list(found.frame().columns) == ["name", "network", "measured_s", "predicted_s", "error"]
    assert len(found.frame()) == 36
    assert harness.calibrate("cpu", progress=False).path is None  # of no file, so it hides none
    with pytest.raises(UsageError, match="there is a device 'cpu'"):
        harness.calibrate("cpu", "cpu.toml")
    assert capsys.readouterr().err == ""


def test_force_overwrites(call: Call, work: Path) -> None:
    """Whoever says so loses what was there."""
    mine = work / "mine.toml"
    mine.write_text('name = "mine"\n')
    assert call("-o", "mine.toml", "--force").exit_code == 0
    assert read_profile(mine).name == "this-cpu"
