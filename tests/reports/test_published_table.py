"""Published rows and ours side by side: what belongs together, what is missing, and why."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.comparison.published import PublishedSuite, find_published, load_published
from harness.cost_model.profile import Prediction
from harness.plugins.loading import load_plugins
from harness.reports import tables as report_tables
from harness.reports.table import Remarks, Table, TableCell
from harness.results.costs import DeviceRow, EstimateRow, save_estimate
from harness.results.load import load_results
from harness.results.record import Record
from harness.results.results import Results

MakeRecord = Callable[..., Record]
WriteRun = Callable[..., Path]

SUITE = """
title = "Two devices"

[[trials]]
methods = ["one", "two"]
datasets = ["dots"]
devices = ["board", "desk"]
budget = "paper"

[[trials]]
methods = ["one"]
datasets = ["lines"]
devices = ["board", "desk"]
budget = "paper,tasks=7"

[published]
source = "Nobody et al."
file = "numbers.csv"
method = "{method}"
memory = "mb"
accuracy = "percent"
storage = "stored"
times.board = "board_days"
times.desk = "desk_days"
time_unit = "days"
unfit = ["board"]
"""
NUMBERS = """dataset,ways,shots,method,mb,percent,stored,board_days,desk_days
dots,5,1,one,20,60,2,,0.5
dots,5,1,two,5,50,1,2,1
"""


def tables_of(results: Results, suites: Sequence[PublishedSuite]) -> list[Table]:
    """Return the tables of a report, without the sentences that stand before them."""
    return [each for each in report_tables.tables_of(results, suites) if each.columns]


@pytest.fixture
def suite(tmp_path: Path) -> PublishedSuite:
    (tmp_path / "two.toml").write_text(SUITE, encoding="utf-8")
    (tmp_path / "numbers.csv").write_text(NUMBERS, encoding="utf-8")
    return load_published(str(tmp_path / "two.toml"), load_plugins())


@pytest.fixture
def tables(
    tmp_path: Path, write_run: WriteRun, suite: PublishedSuite
) -> Callable[[Sequence[Record]], list[Table]]:
    """Return `tables(records)`: those of a run of the suite."""

    def tables(records: Sequence[Record]) -> list[Table]:
        return tables_of(
            load_results([write_run(tmp_path / "run", records, suites=["two"])]), [suite]
        )

    return tables


def cell(table: Table, row: int, key: str) -> TableCell:
    return table.rows[row][[column.key for column in table.columns].index(key)]


def remarks_of(table: Table, row: int) -> str:
    return cell(table, row, "notes").note


PAPER = {"meta_epochs": 30_000, "warmup_epochs": 15_000, "channels": 28}


def test_devices_stand_side_by_side(
    tables: Callable[[Sequence[Record]], list[Table]], make_record: MakeRecord
) -> None:
    """A method's devices are in one row: X on the one that did not hold it, time on the other."""
    small = make_record("one", 0, "board", "emulated", status="out_of_memory", budget=PAPER)
    large = make_record("one", 0, "desk", "emulated", budget=PAPER, values={"search_time": 21_600})
    table, _ = tables([small, large])
    assert len(table.rows) == 2
    assert cell(table, 0, "memory_mib") == TableCell(10.0, mark="emulated")
    assert cell(table, 0, "memory_mib_difference") == TableCell(-50.0, mark="emulated")
    assert cell(table, 0, "storage_mib_difference") == TableCell(-50.0, mark="emulated")
    assert cell(table, 0, "accuracy_percent_difference") == TableCell(-10.0, mark="emulated")
    assert cell(table, 0, "time_board_days").mark == "unfit"
    assert cell(table, 0, "time_board_days_published").mark == "unfit"
    assert cell(table, 0, "time_board_days_difference").note == "neither fits"
    assert cell(table, 0, "time_desk_days") == TableCell(0.25, mark="predicted")
    assert cell(table, 0, "time_desk_days_difference") == TableCell(-50.0, mark="predicted")
    assert "What fits on board is as published in 1 of 1 rows." in table.caption
    assert remarks_of(table, 1) == "No trial of it is here."


def test_the_published_budget_is_not_scaled(
    tables: Callable[[Sequence[Record]], list[Table]], make_record: MakeRecord
) -> None:
    """Each data set is held to its own published budget; what does not matter scales nothing."""
    records = [
        make_record("one", 0, "desk", budget={**PAPER, "wall_clock_s": 9}),
        make_record("one", 0, "desk", budget={**PAPER, "tasks": 7}, dataset={"label": "lines"}),
        make_record("two", 0, "desk", budget={**PAPER, "tasks": 7, "channels": 8}),
    ]
    published, scaled, _ = tables(records)
    assert published.title == "Two devices (budget as published)"
    assert not any("Scaled" in sentence for sentence in published.caption)
    assert [row[0].value for row in published.rows] == ["one", "two", "one"]
    assert "no such row" in remarks_of(published, 2)
    assert scaled.title == "Two devices (budget paper,tasks=7,channels=8)"
    assert scaled.key == "two-2"
    assert "Scaled budget: tasks 7 (published 100), channels 8 (published 28)." in scaled.caption
    assert remarks_of(scaled, 1) == "The budget is scaled."


def test_the_same_device_twice_makes_two_rows(
    tables: Callable[[Sequence[Record]], list[Table]], make_record: MakeRecord
) -> None:
    """Emulated and measured trials, or other data, are never one row, and say what they are."""
    records = [
        make_record("one", 0, "desk", "emulated", budget=PAPER),
        make_record("one", 0, "desk", "measured", budget=PAPER),
    ]
    table, _ = tables(records)
    assert [row[0].value for row in table.rows] == ["one", "one", "two"]
    assert [cell(table, row, "memory_mib").mark for row in (0, 1)] == ["emulated", ""]
    assert "Other trials than above" in remarks_of(table, 1)
    assert "desk measured" in remarks_of(table, 1)


def test_a_failed_trial_has_its_reason(
    tables: Callable[[Sequence[Record]], list[Table]], make_record: MakeRecord
) -> None:
    """What went wrong is below the table; nothing of it counts as zero."""
    table, _ = tables([make_record("two", 3, "desk", status="error", budget=PAPER)])
    assert "desk: Failed with seed 3: Broken (search): it broke" in remarks_of(table, 1)
    assert cell(table, 1, "memory_mib") == cell(table, 1, "accuracy_percent") == TableCell(None)
    assert cell(table, 1, "time_desk_days_difference") == TableCell(None)


def test_an_estimate_stands_beside_published_numbers(tmp_path: Path, suite: PublishedSuite) -> None:
    """Each of its numbers is predicted; what would not fit is X, and ranges are told."""
    time = Prediction(86_400.0, 80_000.0, 90_000.0)
    row = EstimateRow(
        method="two",
        dataset="dots",
        setting="5-way 1-shot",
        channels=8,
        search_steps=10,
        peak_memory_mib=6.0,
        lowest_memory_mib=4.0,
        storage_mib=0.5,
        devices=(
            DeviceRow("board", "b", 5.0, False, None),
            DeviceRow("desk", "d", 9.0, True, time),
        ),
        error="",
    )
    save_estimate(tmp_path / "estimate", [row], "two")
    published, plain = tables_of(load_results([tmp_path / "estimate"]), [suite])
    assert published.title == "Two devices (estimated)"
    assert cell(published, 1, "memory_mib") == TableCell(
        6.0, mark="predicted", note="between 4.0 and 6.0 MiB, as the method chooses"
    )
    assert cell(published, 1, "time_board_days").mark == "unfit"
    assert cell(published, 1, "time_desk_days").value == 1.0
    assert cell(published, 1, "time_desk_days_difference") == TableCell(0.0, mark="predicted")
    assert "What fits on board is as published in 0 of 1 rows." in published.caption
    assert "Scaled budget: channels 8 (published 28)." in published.caption
    assert plain.key == "estimates"
    assert {each.mark for each in plain.rows[0] if isinstance(each.value, float)} == {"predicted"}


def test_a_trial_of_another_suite_belongs_where_it_was_published(
    tmp_path: Path, write_run: WriteRun, make_record: MakeRecord, suite: PublishedSuite
) -> None:
    """Without its suite, a trial stands in the published table only if that has its row."""
    records = [make_record("two", 0, "desk"), make_record("other", 0, "desk")]
    table, trials = tables_of(load_results([write_run(tmp_path / "run", records)]), [suite])
    assert [row[0].value for row in table.rows] == ["one", "two"]
    assert [row[0].value for row in trials.rows] == ["two", "other"]


def test_remarks_are_written_once() -> None:
    """Rows with the same remark refer to one letter; after z comes aa."""
    remarks = Remarks()
    signs = [remarks.cell([str(number)]).value for number in range(28)]
    assert (signs[0], signs[25:]) == ("a", ["z", "aa", "ab"])
    assert remarks.cell(["27", "0", "0"]) == TableCell("ab, a", note="27 0")
    assert len(remarks.notes) == 28


def test_a_publication_without_numbers_is_told_of_below_the_trials(
    tmp_path: Path, write_run: WriteRun, make_record: MakeRecord, suite: PublishedSuite
) -> None:
    """A suite that has a curve to show and no number makes no empty table; its notes are said."""
    text = (
        SUITE.partition("memory =")[0] + '[[published.notes]]\ntext = "It says 1.2 in the text."\n'
    )
    (tmp_path / "curve.toml").write_text(text, encoding="utf-8")
    curve = load_published(str(tmp_path / "curve.toml"), load_plugins())
    run = write_run(tmp_path / "run", [make_record()])
    (trials,) = tables_of(load_results([run]), [curve])
    assert trials.caption[-2:] == ("Published: Nobody et al.", "It says 1.2 in the text.")


def test_a_suite_that_cannot_be_read_stops_nothing_else(
    plugin_factory: Callable[[str, str], Path],
) -> None:
    """A plugin's suite that is not TOML is complained of, and the others are found."""
    source = (
        "from harness import hookimpl\n"
        "@hookimpl\n"
        "def harness_register_suites(register):\n"
        "    register('broken', 'strange:broken.toml')\n"
    )
    folder = plugin_factory("strange", source)
    (folder / "broken.toml").write_text("=", encoding="utf-8")
    said: list[str] = []
    found = find_published(["broken", "table2", "none"], load_plugins(), said.append)
    assert [each.name for each in found] == ["table2"]
    assert "suite 'broken' are left out" in said[0]
