"""Rows over seeds: means, deviations, intervals, and what did not fit."""

from __future__ import annotations

import io
import statistics
from statistics import fmean, stdev
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from harness.experiment.outcome import Metric
from harness.experiment.trial import SpaceIdentity
from harness.reports.terminal import print_tables
from harness.reports.trial_tables import run_table, trials_table
from harness.results.record import Record
from harness.results.summary import Missing, interval_95, rows_of_records, variance
from harness.space.spec import SPACES

METHOD = {"name": "m", "version": "1", "distribution": "d", "params": {}}
DATASET = {
    "name": "dots", "label": "dots", "fingerprint": "f", "kind": "few-shot", "split": "test",
    "ways": 5, "shots": 1, "queries": 15,
}  # fmt: skip


def record(seed: int, accuracy: float | None, **changes: Any) -> Record:
    """A record with what a summary looks at."""
    mode = changes.pop("mode", "measured")
    values = {"peak_memory": 10.0 + seed, "storage": 1.0, "accuracy": accuracy, "search_time": 2.0}
    fields: dict[str, Any] = {
        "trial_key": str(seed), "label": "m", "method": METHOD, "dataset": DATASET,
        "device": {"name": "board", "model": "b", "mode": mode, "memory_limit_bytes": None},
        "seed": seed, "status": "ok", "error": None,
        "budget": {"allowed": {}, "used": {}},
        "metrics": {
            name: Metric(
                value=value,
                unit="u",
                source="predicted" if (name, mode) == ("search_time", "emulated") else mode,
            )
            for name, value in values.items()
        },
        "tasks": [
            {"index": i, "accuracy": a, "search_s": 1.0, "peak_memory_bytes": 1}
            for i, a in enumerate((40.0, 60.0))
        ],
        "architecture": None, "pretraining": None, "environment": {},
        "timing": {"wall_s": 1.0, "method_s": 0.9, "data_s": 0.1, "host_share": 0.0},
        "started_at": "", "ended_at": "",
    }  # fmt: skip
    return Record.model_validate({**fields, **changes})


def printed(*records: Record) -> str:
    """The table as it is printed to a pipe."""
    console = Console(file=io.StringIO(), width=200)
    print_tables([run_table(rows_of_records(records))], console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_seeds_of_one_trial_make_one_row() -> None:
    """Accuracy is the mean and sample deviation over seeds, memory the largest seed's."""
    (row,) = rows_of_records([record(0, 50.0), record(1, 60.0), record(2, 70.0)])
    assert (row.value("accuracy"), row.values["accuracy"].std, row.value("peak_memory")) == (
        60.0,
        10.0,
        12.0,
    )
    assert row.values["accuracy"].interval == pytest.approx(4.303 * 10 / 3**0.5)
    assert row.values["accuracy"].interval_over == "seeds"


def test_a_seed_counts_once() -> None:
    """Of the records of a seed the newest counts; the others are no samples, and a note says so."""
    again = [
        record(seed, accuracy + 10 * day, trial_key=f"{day}-{seed}", ended_at=f"2026-11-0{day}")
        for day in (2, 1)
        for seed, accuracy in enumerate((50.0, 60.0, 70.0))
    ]
    (row,) = rows_of_records(again)
    (alone,) = rows_of_records(again[:3])
    assert (row.records, row.earlier, alone.earlier) == (alone.records, 3, 0)
    assert row.values == alone.values
    said = "Of m, 3 earlier records of the same seeds are left out."
    assert said in [note.text for note in trials_table([row]).notes]
    assert not trials_table([alone]).notes


def test_an_interrupted_trial_displaces_no_record() -> None:
    """What was interrupted is run again: until then the earlier record counts."""
    ended = record(0, 50.0, ended_at="2026-11-01")
    cut = record(0, None, status="interrupted", metrics={}, ended_at="2026-11-02")
    (row,) = rows_of_records([ended, cut])
    assert row.records == (ended,)


def test_one_seed_has_its_interval_over_tasks() -> None:
    """With one seed there is no deviation over seeds, and the interval is over its tasks."""
    (row,) = rows_of_records([record(0, 50.0)])
    assert row.values["accuracy"].std is None
    assert row.values["accuracy"].interval_over == "tasks"
    assert row.values["accuracy"].interval == pytest.approx(12.706 * 10)


def test_trials_that_differ_are_not_joined() -> None:
    """Another device mode makes another row."""
    assert len(rows_of_records([record(0, 50.0), record(1, 50.0, mode="emulated")])) == 2


def test_what_did_not_fit_is_an_x() -> None:
    """A trial out of memory prints X, and a missing value is a dash, not a zero."""
    text = printed(record(0, None, status="out_of_memory", metrics={}, mode="emulated"))
    line = next(line for line in text.splitlines() if line.strip().startswith("m "))
    assert " X " in line
    assert "does not fit" in line
    assert " 0" not in line


def test_emulated_numbers_bear_a_mark() -> None:
    """Each number of an emulated device has the mark that the legend explains."""
    text = printed(record(0, 50.0, mode="emulated"))
    line = next(line for line in text.splitlines() if line.strip().startswith("m "))
    assert line.count("*") == 4
    assert line.count("~") == 1  # time is predicted
    assert "board (emulated)" in line
    assert "* emulated: computed on this machine" in text
    measured = printed(record(0, 50.0))
    assert "*" not in measured
    assert "~" not in measured


def test_failed_seeds_are_told_and_do_not_count() -> None:
    """The mean is over the seeds that ended well, and the row says how many did not."""
    text = printed(record(0, 50.0), record(1, 99.0, status="error"))
    assert "50.00" in text
    assert "1 of 2 error" in text


@pytest.mark.parametrize(
    ("statuses", "fits"),
    [
        (["ok", "error"], True),
        (["ok", "out_of_memory"], False),
        (["error", "out_of_memory"], False),
        (["error", "over_budget", "interrupted"], None),
    ],
)
def test_what_crashed_is_not_known_to_fit(statuses: list[str], fits: bool | None) -> None:
    """A device is known to hold a row where a trial ended well, and not to where one had none."""
    (row,) = rows_of_records(
        record(seed, 50.0, status=status) for seed, status in enumerate(statuses)
    )
    assert row.fits is fits
    assert row.to_json()["fits"] is fits


def test_an_interval_needs_two_values() -> None:
    """Below two values there is no interval; above 30 degrees of freedom it is the normal's."""
    assert interval_95([1.0]) is None
    assert interval_95([0.0, 2.0] * 20) == pytest.approx(1.96 * 1.0127 / 40**0.5, rel=1e-3)


@pytest.mark.parametrize(
    ("one", "other", "says"),
    [
        ({"method": "a1"}, {"method": "b2"}, "there are records of different sources of m (2);"),
        ({"on_device": "a1"}, {"on_device": "b2"}, "different sources of the harness (2);"),
        (
            {"method": "a1", "on_device": "a1"},
            {"method": "b2", "on_device": "b2"},
            "different sources of m (2), the harness (2);",
        ),
        ({"method": "a1", "offline": "a1"}, {"method": "a1", "offline": "b2"}, ""),
        ({}, {"method": "b2"}, ""),
    ],
)
def test_different_code_in_one_table_is_told(
    one: dict[str, str], other: dict[str, str], says: str
) -> None:
    """Whose sources differ is said below the table; records of earlier versions say nothing."""
    records = [
        record(seed, 50.0, environment={"code": code}) for seed, code in enumerate((one, other))
    ]
    rows = rows_of_records(records)
    below = " ".join(printed(*records).split())
    captions = [*trials_table(rows).caption, below]
    assert [says in each for each in captions if "Not all of the same code" in each] == (
        [True, True] if says else []
    )


def test_parameters_are_printed() -> None:
    """What stands in brackets is part of a method's and a data set's name, not markup."""
    text = printed(
        record(0, 50.0, label="m[q=1]", dataset={**DATASET, "label": "torchmeta[name=cub]"})
    )
    assert "m[q=1]" in text
    assert "torchmeta[name=cub]" in text


@pytest.mark.parametrize(
    ("missing", "accuracies"),
    [("omit", [50.0, 60.0]), ("chance", [50.0, 60.0, 20.0]), ("zero", [50.0, 60.0, 0.0])],
)
def test_what_a_failed_trial_counts_as_is_chosen(missing: Missing, accuracies: list[float]) -> None:
    """A failed trial is left out, or counts as guessing among the ways, or as 0 %."""
    records = [record(0, 50.0), record(1, 60.0), record(2, 99.0, status="error", metrics={})]
    (row,) = rows_of_records(records, missing)
    assert row.value("accuracy") == pytest.approx(fmean(accuracies))
    assert row.values["accuracy"].std == pytest.approx(stdev(accuracies))
    assert row.value("peak_memory") == 11.0
    assert row.value("search_time") == 2.0


def test_what_did_not_fit_is_not_failed() -> None:
    """Out of memory and interrupted trials count as nothing, whatever failed ones count as."""
    records = [
        record(0, 50.0),
        record(1, None, status="out_of_memory", metrics={}),
        record(2, None, status="interrupted", metrics={}),
    ]
    (row,) = rows_of_records(records, "zero")
    assert row.value("accuracy") == 50.0


def test_chance_is_not_known_without_classes() -> None:
    """An early record does not count the classes of a full task: a failed trial is left out."""
    full = {**DATASET, "kind": "full-task", "ways": None, "shots": None, "queries": None}
    records = [record(0, 50.0, dataset=full), record(1, None, dataset=full, status="error")]
    assert rows_of_records(records, "chance")[0].value("accuracy") == 50.0
    assert rows_of_records(records, "zero")[0].value("accuracy") == 25.0


def test_chance_of_a_full_task_is_among_its_classes() -> None:
    """A failed full task counts as guessing where any record of the group counts the classes."""
    full = {**DATASET, "kind": "full-task", "ways": None, "shots": None, "queries": None}
    counted = {**full, "classes": 10}
    records = [record(0, 50.0, dataset=full), record(1, None, dataset=counted, status="error")]
    (row,) = rows_of_records(records, "chance")
    assert row.value("accuracy") == 30.0


def test_rows_tell_recipe_evaluation_and_space_apart() -> None:
    """What was done under other conditions is a row of its own, and the table says which."""
    darts = SpaceIdentity.of(SPACES["darts-operations"]).model_dump()
    records = [
        record(0, 50.0),
        record(0, 51.0, dataset={**DATASET, "evaluation": "transductive"}),
        record(0, 52.0, dataset={**DATASET, "recipe": {"weight_lr": 0.005, "schedule": "late"}}),
        record(0, 53.0, space=darts),
    ]
    rows = rows_of_records(records)
    assert [row.conditions for row in rows] == [
        "", "transductive", "w 0.005 late", "space darts-operations",
    ]  # fmt: skip
    assert {row.setting for row in rows} == {"5-way 1-shot"}  # as published numbers name it
    assert all(row.full_setting in printed(*records) for row in rows)


def test_a_record_leaves_out_what_is_as_by_default() -> None:
    """So that records of earlier versions, which do not say it, are written as they were read."""
    plain = record(0, 50.0).model_dump(by_alias=True)
    assert "space" not in plain
    assert not {"recipe", "evaluation"} & plain["dataset"].keys()
    told = record(0, 50.0, dataset={**DATASET, "evaluation": "both"}).model_dump(by_alias=True)
    assert told["dataset"]["evaluation"] == "both"
    assert Record.model_validate(told).conditions == "both"


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20))
def test_the_variance_is_the_standard_librarys(values: list[float]) -> None:
    """It is the exact one to rounding, and that of equal values is 0, not nearly."""
    assert variance(values) == pytest.approx(statistics.variance(values), rel=1e-9, abs=1e-9)
    assert variance([values[0]] * len(values)) == 0


def test_a_table_says_how_wide_cells_are() -> None:
    """Two budgets look alike in a row; below the table each has its width, and what was usual."""
    wide, narrow = (
        record(seed, 50.0, budget={"allowed": {"tasks": 7, "channels": width}, "used": {}})
        for seed, width in enumerate((28, 8))
    )
    told = printed(wide, narrow)
    assert "Budget tasks=7: C = 28 channels." in told
    assert "Budget tasks=7,channels=8: C = 8 channels, narrowed from 28." in told
