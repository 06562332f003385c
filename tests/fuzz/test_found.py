"""What malformed inputs have found stays repaired."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.devices.profile import read_profile
from harness.errors import HarnessError
from harness.experiment.suite import load_suite
from harness.pretraining.checkpoint import CheckpointError, read_checkpoint
from tests.fuzz.sound import Sound


def test_a_checkpoint_cannot_claim_billions_of_tasks(sound: Sound, tmp_path: Path) -> None:
    """A count of tasks beyond what a file holds is refused before anything is made of it."""
    progress = {**json.loads(sound.about["progress"]), "tasks": 2**62}
    path = tmp_path / "onnas.safetensors"
    path.write_bytes(sound.sealed({**sound.about, "progress": json.dumps(progress)}))
    with pytest.raises(CheckpointError, match="counts more tasks than it holds"):
        read_checkpoint(path)


@pytest.mark.parametrize("command", [["report"], ["compare", "run"], ["run", "-m", "darts", "-o"]])
def test_a_path_too_long_for_the_system_is_told(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the system says of a path is a sentence of one line, and no traceback."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run" / "trials").mkdir(parents=True)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    arguments = [*command, "x" * 5000]
    if command[0] == "run":
        arguments += ["--dataset", "folder[path=none]"]
    result = CliRunner().invoke(cli, arguments)
    assert isinstance(result.exception, SystemExit)
    assert result.exit_code in (1, 2)
    assert max(map(len, result.stderr.splitlines())) < 400


@pytest.mark.parametrize("text", ["trials = " + "1" * 5000, "trials = " + "[" * 5000])
@pytest.mark.parametrize("name", ["suite", "profile"])
def test_toml_without_end_is_no_valid_toml(name: str, text: str, tmp_path: Path) -> None:
    """A number of thousands of digits, and brackets as deep, are refused like any broken TOML."""
    path = tmp_path / "given.toml"
    path.write_text(text, encoding="utf-8")
    reader = {"suite": load_suite, "profile": read_profile}[name]
    with pytest.raises(HarnessError, match="TOML"):
        reader(path)
