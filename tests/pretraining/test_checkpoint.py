"""The files that pretraining leaves: found, checked, refused, and never trusted."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli
from harness.experiment.pretraining import Pretraining
from harness.pretraining.checkpoint import (
    Checkpoint,
    CheckpointError,
    find_checkpoint,
    read_checkpoint,
    write_checkpoint,
)

pytestmark = pytest.mark.usefixtures("toy_plugin", "scratch")

BUDGET = "search_steps=1,tasks=1,meta_epochs=1,meta_tasks=1,meta_steps=1,meta_shots=2"


def harness(command: str, *arguments: str) -> Result:
    """Call a command on the random images of the plugin."""
    output = ["-o", "out"] if command == "run" else []
    return CliRunner().invoke(
        cli, [command, "--dataset", "dots", "--budget", BUDGET, *output, *arguments]
    )


def pretrained(folder: Path) -> Path:
    """The checkpoint of the plugin's method, freshly made."""
    result = harness("pretrain", "-m", "learner")
    assert result.exit_code == 0, result.output
    (path,) = (folder.parent / "cache" / "pretraining").glob("*.safetensors")
    return path


def test_a_damaged_checkpoint_is_never_loaded(scratch: Path) -> None:
    """Cut short anywhere, or with any bit flipped, it is refused."""
    path = pretrained(scratch)
    sound, pretraining = path.read_bytes(), read_checkpoint(path).pretraining
    chance = random.Random(0)  # noqa: S311 - picks bits to flip
    for _ in range(60):
        flipped = bytearray(sound)
        flipped[chance.randrange(len(sound))] ^= 1 << chance.randrange(8)
        for content in (bytes(flipped), sound[: chance.randrange(len(sound))]):
            path.write_bytes(content)
            with pytest.raises(CheckpointError):
                read_checkpoint(path)
            assert find_checkpoint(path, pretraining) is None


def test_a_damaged_checkpoint_is_made_again(scratch: Path) -> None:
    """A run says so, pretrains anew, and gets the tensors it had."""
    path = pretrained(scratch)
    before = read_checkpoint(path).state
    path.write_bytes(path.read_bytes()[:-1])
    result = harness("run", "-m", "learner")
    assert result.exit_code == 0, result.output
    assert "is damaged; it is made again" in result.stderr
    after = read_checkpoint(path).state
    assert all(np.array_equal(before[name], after[name]) for name in before)


def written(folder: Path, **changes: Any) -> Path:
    """A sound checkpoint of a pretraining that differs in some way."""
    found = read_checkpoint(pretrained(folder))
    values = {**found.pretraining.model_dump(), **changes}
    path = folder / "given.safetensors"
    pretraining = Pretraining.model_validate(values)
    write_checkpoint(path, Checkpoint(pretraining, found.progress, found.state))
    return path


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"method": {"name": "darts", "version": "1.0", "params": {}}}, "its method is darts"),
        ({"ways": 7}, "its number of ways is 7, not 5"),
        ({"seed": 3}, "its seed is 3, not 0"),
    ],
)
def test_a_checkpoint_for_something_else_is_refused(
    changes: dict[str, Any], words: str, scratch: Path
) -> None:
    """A file that is handed over must be for one of the trials; the message says what differs."""
    path = written(scratch, **changes)
    result = harness("run", "-m", "learner", "--checkpoint", str(path))
    assert result.exit_code == 2
    assert words in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not (scratch / "out").exists()


def test_a_checkpoint_from_elsewhere_is_used(scratch: Path) -> None:
    """A file that another machine has made saves the pretraining here."""
    made = pretrained(scratch)
    path = made.rename(scratch / "from elsewhere.safetensors")
    result = harness("run", "-m", "learner", "--checkpoint", str(path), "--json")
    (record,) = json.loads(result.stdout)["trials"]
    assert record["pretraining"]["key"] == read_checkpoint(path).pretraining.key
    assert not made.exists()
