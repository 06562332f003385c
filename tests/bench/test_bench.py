"""A benchmark measures methods side by side, and leaves what can be compared."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import harness
from harness.cli.main import cli
from harness.errors import UsageError
from harness.results.costs import BenchRow

SMALL = ["--budget", "quick,channels=2", "--ways", "2", "--rounds", "2"]


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def row(method: str, *steps: float) -> BenchRow:
    return BenchRow(
        method=method,
        version="1",
        dataset="dots",
        setting="5-way 1-shot",
        channels=4,
        images=5,
        device="cpu",
        first_step_s=1.0,
        step_s=steps,
        peak_memory_mib=1.0,
    )


def test_ratios_are_of_steps_in_the_same_round() -> None:
    """A machine that gets slower by the round does not change who is faster."""
    assert row("a", 1.0, 10.0, 100.0).ratio_to(row("b", 2.0, 20.0, 200.0)) == 0.5
    assert row("a").ratio_to(row("b", 1.0)) is None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A benchmark of two engines."""
    folder: Path = tmp_path_factory.mktemp("bench")
    methods = ["-m", "weights-only", "-m", "weights-only[engine=streamed]"]
    assert call("bench", *methods, *SMALL, "-o", str(folder)).exit_code == 0
    return folder


def test_a_benchmark_has_seconds_and_memory(folder: Path) -> None:
    """Each method has a first step, as many warm steps as there are rounds, and counted memory."""
    saved = json.loads((folder / "bench.json").read_text("utf-8"))
    ordinary, streamed = saved["rows"]
    assert all(len(each["step_s"]) == 2 and each["first_step_s"] > 0 for each in saved["rows"])
    assert 0 < streamed["peak_memory_mib"] < ordinary["peak_memory_mib"]
    assert saved["processor"]


def test_benchmarks_are_compared(folder: Path) -> None:
    """`harness compare` sets memory and steps of two benchmarks side by side."""
    compared = json.loads(call("compare", str(folder), str(folder), "--json").stdout)
    assert [set(each["metrics"]) for each in compared["rows"]] == [{"memory", "step"}] * 2


def test_a_report_on_benchmarks_alone_says_where_they_are_shown(folder: Path) -> None:
    """There is no table to report, so the command that shows benchmarks is named, with status 2."""
    refused = call("report", str(folder))
    assert refused.exit_code == 2
    assert "`harness compare`" in refused.stderr


def test_memory_is_what_an_estimate_says(folder: Path) -> None:
    """A benchmark counts the peak that `harness estimate` predicts from shapes."""
    found = call("estimate", "-m", "weights-only", *SMALL[:4], "--json")
    (estimated,) = json.loads(found.stdout)["rows"]
    (first, _) = json.loads((folder / "bench.json").read_text("utf-8"))["rows"]
    assert first["peak_memory_mib"] == estimated["peak_memory"]["value"]


def test_a_device_that_is_not_here_is_refused() -> None:
    """What is emulated has no seconds to measure."""
    result = call("bench", "-m", "darts", "-d", "jetson")
    assert result.exit_code == 2
    assert "'jetson' cannot be measured here" in result.stderr


def test_a_notebook_benches_too(tmp_path: Path) -> None:
    """`harness.bench` measures what the command does, and keeps it as the command does."""
    found = harness.bench(
        "weights-only", ways=2, budget="quick,channels=2", rounds=1, progress=False
    )
    (row,) = found.rows
    frame = found.frame()
    assert set(frame["source"]) == {"measured"}
    assert frame.loc[frame["metric"] == "step_time", "value"].tolist() == list(row.step_s)
    found.save(tmp_path)
    assert harness.load(tmp_path).frame().equals(frame)
    assert "<table" in found._repr_html_()
    with pytest.raises(UsageError, match="one round or more, not 0"):
        harness.bench("weights-only", rounds=0)
