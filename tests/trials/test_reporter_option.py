"""A reporter that a person asks for is told of a whole run, and of what is new in the next."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import cli

RUN = ["run", "--dataset", "dots", "--budget", "search_steps=2,tasks=1", "--reporter", "csv"]


@pytest.mark.usefixtures("toy_plugin")
def test_a_run_streams_its_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trial has a start, its steps and its end in the stream; what is resumed is not again."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    for seeds in ("0", "0-1"):
        arguments = [*RUN, "-m", "toy", "--seed", seeds, "-o", str(tmp_path / "run")]
        assert CliRunner().invoke(cli, arguments).exit_code == 0
    with (tmp_path / "run" / "stream.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, strict=True))
    moments = Counter((row["seed"], row["moment"], row["step"], row["name"]) for row in rows)
    for seed in ("0", "1"):
        assert moments[seed, "started", "", ""] == 1
        assert [moments[seed, "step", step, "step_loss"] for step in ("0", "1")] == [1, 1]
        assert moments[seed, "finished", "", "accuracy"] == 1
