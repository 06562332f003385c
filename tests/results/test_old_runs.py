"""Real records of an earlier version: they load, and all views of them give the same numbers."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from harness.comparison.result import compare
from harness.reports.formats import to_csv
from harness.reports.tables import tables_of
from harness.results.load import load_results
from harness.results.results import Results

OLD_RUNS = Path(__file__).parent / "runs-0.1"
COLUMNS = {
    "memory": "memory_mib",
    "storage": "storage_mib",
    "accuracy": "accuracy_percent",
    "time": "time_s",
}


@pytest.fixture(scope="module")
def found() -> Results:
    """Reference runs of version 0.1, of schema 1."""
    return load_results([OLD_RUNS])


def test_old_records_load_whole(found: Results) -> None:
    """Nothing is left out, and what later versions added has its default."""
    assert found.problems == ()
    assert {record.schema_version for record in found.records} == {1}
    assert all(task.metrics == {} for record in found.records for task in record.tasks)
    assert len(found.records) == len(list(OLD_RUNS.rglob("record.json")))


def test_reports_and_comparisons_have_the_same_numbers(found: Results) -> None:
    """For the same folder each value of a comparison is the one that the report has."""
    (trials,) = (table for table in tables_of(found, []) if table.key == "trials")
    rows = list(csv.DictReader(io.StringIO(to_csv([trials]))))
    compared = compare(found, found)
    assert len(compared.rows) == len(rows)
    numbers = 0
    for row in compared.rows:
        own = row.pair.b
        (told,) = (
            each
            for each in rows
            if (each["method"], each["dataset"], each["setting"], each["device"], each["mode"])
            == (own.method, own.dataset, own.setting, own.device, own.mode)
        )
        for each in row.comparisons:
            text = told[COLUMNS[each.metric.short]]
            assert (float(text) if text else None) == each.a == each.b
            numbers += bool(text)
    assert numbers > 40


def test_the_frame_has_every_number_of_the_records(found: Results) -> None:
    """A row for each metric of each record, as exact as the record."""
    frame = found.frame()
    assert len(frame) == sum(len(record.metrics) for record in found.records)
    told = frame.dropna(subset=["value"])
    values = [m.value for r in found.records for m in r.metrics.values() if m.value is not None]
    assert told["value"].tolist() == values
    assert set(told["source"]) == {"emulated", "predicted"}
