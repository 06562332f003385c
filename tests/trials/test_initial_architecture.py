"""The architecture that a search started from, beside the one it arrived at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import cli


@pytest.mark.usefixtures("toy_plugin")
def test_a_record_tells_the_architecture_before_the_search(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A supernet starts from what its own α say; a method without any, from no architecture."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    budget = "meta_epochs=0,search_steps=1,tasks=2,channels=2"
    arguments = ["run", "-m", "onnas", "-m", "toy", "--dataset", "dots", "--ways", "2"]
    result = CliRunner().invoke(
        cli, [*arguments, "--budget", budget, "-o", str(tmp_path / "out"), "--json"]
    )
    assert result.exit_code == 0, result.output
    onnas, toy = json.loads(result.stdout)["trials"]
    assert onnas["initial_architecture"].keys() == onnas["architecture"].keys()
    assert toy["initial_architecture"] is None
