"""The reporter `csv`: every number in a row of its own, with what it is."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

from harness.experiment.trial import Trial

Told = Callable[..., Trial]


def rows(folder: Path) -> list[dict[str, str]]:
    """The stream as a spreadsheet reads it."""
    with (folder / "stream.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def test_every_number_has_its_source(told: Told, tmp_path: Path) -> None:
    """Steps and metrics are told with unit and mark; what was not captured has no row."""
    told("csv", "emulated", steps=1)
    found = rows(tmp_path)
    numbers = {row["name"]: (row["value"], row["unit"], row["source"]) for row in found}
    assert numbers == {
        "": ("", "", ""),  # the start
        "step_loss": ("1.5", "nats", "emulated"),
        "step_accuracy": ("40.0", "%", "emulated"),
        "step_memory": ("2.0", "MiB", "emulated"),
        "peak_memory": ("2.5", "MiB", "emulated"),
        "search_time": ("4.0", "s", "predicted"),
    }
    assert (found[-1]["low"], found[-1]["high"], found[-1]["status"]) == ("3.0", "5.0", "ok")


def test_time_is_told_where_the_device_is_here(told: Told, tmp_path: Path) -> None:
    """The seconds of a step belong to the device only where this machine is it."""
    told("csv", "measured", steps=1)
    (row,) = (row for row in rows(tmp_path) if row["name"] == "step_time")
    assert (row["value"], row["source"]) == ("0.5", "measured")


def test_a_failed_trial_has_a_row_without_a_number(told: Told, tmp_path: Path) -> None:
    """How a trial ended is told even where it left no metric."""
    told("csv", steps=0, error="broken\nin two lines")
    last = rows(tmp_path)[-1]
    assert (last["moment"], last["name"], last["value"], last["status"]) == (
        "finished", "", "", "error",
    )  # fmt: skip


def test_a_second_run_goes_on_after_a_torn_row(told: Told, tmp_path: Path) -> None:
    """A later run appends below one heading, also where a kill has torn the last row."""
    for seed in (0, 1):
        told("csv", seed=seed, steps=0)
        with (tmp_path / "stream.csv").open("a", encoding="utf-8") as file:
            file.write("2026-01-01,torn")
    found = rows(tmp_path)
    assert [row["seed"] for row in found if row["moment"] == "started"] == ["0", "1"]
    assert sum(row["time"] == "time" for row in found) == 0
