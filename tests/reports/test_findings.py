"""Findings: sentences that stand first, made from the comparisons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from harness.comparison.comparing import compare_metric
from harness.comparison.findings import against_controls, findings_of_paper, findings_of_rows
from harness.comparison.pairs import Pair
from harness.comparison.paper import compare_with
from harness.comparison.published import PublishedSuite, load_published
from harness.metrics import METRICS
from harness.plugins.loading import Plugins, load_plugins
from harness.reports.tables import tables_of
from harness.results.costs import DeviceRow, EstimateRow, save_estimate
from harness.results.load import load_results
from harness.results.record import Record
from harness.results.results import Results
from harness.results.rows import rows_of_estimate
from harness.results.summary import rows_of_records

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
SUITES = ["table2", "table3", "table4"]
TASKS = [
    {"index": index, "accuracy": accuracy, "search_s": 1.0, "peak_memory_bytes": 1}
    for index, accuracy in enumerate((90.0, 80.0))
]


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


def estimated(method: str, peak: float, *, channels: int = 28) -> EstimateRow:
    board = DeviceRow("jetson", "Jetson Nano", 640.0, peak <= 640, None)
    return EstimateRow(
        method, "miniimagenet", "5-way 5-shot", channels, 10, peak, peak, 1.0, (board,), ""
    )


def test_memory_is_told_in_times_and_accuracy_with_its_verdict(
    make_record: Callable[..., Record],
) -> None:
    """The leanest beside the largest, and that no difference in accuracy is shown."""
    records = [
        make_record(label, seed, values={"peak_memory": peak, "accuracy": 50.0 + 9 * seed})
        for label, peak in (("lean", 10.0), ("heavy", 120.0))
        for seed in range(3)
    ]
    first, *_ = findings_of_rows(rows_of_records(records))
    assert first.startswith("lean needs the least memory, 12 times less than heavy; no difference")


def test_one_method_alone_has_no_findings(make_record: Callable[..., Record]) -> None:
    """There is nothing to compare it with."""
    assert list(findings_of_rows(rows_of_records([make_record()]))) == []


def test_two_tasks_are_not_enough_to_tell(make_record: Callable[..., Record]) -> None:
    """One seed of two tasks: the sentence says so, and what guessing reaches."""
    rows = rows_of_records(
        [make_record("a"), make_record("b", values={"accuracy": 85.0}, tasks=TASKS)]
    )
    assert any(
        "not enough to tell: a" in each and "guessing: 20 %" in each
        for each in findings_of_rows(rows)
    )


def test_the_paper_is_told_in_one_sentence(plugins: Plugins) -> None:
    """How many values are near, who needs less, and where it fits as published."""
    suite = load_published("table2", plugins)
    rows = [row for name, peak in (("darts", 4100.0), ("onnas", 81.7))
            for row in rows_of_estimate(estimated(name, peak))]  # fmt: skip
    (compared,) = compare_with(suite, rows, {})
    (sentence,) = findings_of_paper(compared)
    assert "1 of 2 memory values within 10 % of the paper" in sentence
    assert "onnas needs 66 % less" in sentence
    assert "fits as published in 2 of 2" in sentence


def test_narrowed_cells_are_not_held_against_the_paper(plugins: Plugins) -> None:
    """A scaled width says that its memory is not the paper's."""
    suite = load_published("table2", plugins)
    rows = rows_of_estimate(estimated("darts", 464.4, channels=8))
    (compared,) = compare_with(suite, rows, {})
    assert "C = 8 instead of 28" in findings_of_paper(compared)[0]


def test_a_row_says_whether_it_is_better_than_the_controls(
    make_record: Callable[..., Record],
    plugins: Plugins,
    tmp_path: Path,
    write_run: Callable[..., Path],
) -> None:
    """Under the same conditions alone, as `compare` would judge the two; controls say nothing."""
    many = [
        {"index": i, "accuracy": 50.0 + i % 7, "search_s": 1.0, "peak_memory_bytes": 1}
        for i in range(20)
    ]
    more = [{**task, "accuracy": 60.0 + (3 * i) % 5} for i, task in enumerate(many)]
    records = [
        make_record("weights-only", tasks=many),
        make_record("random", tasks=more),
        make_record("m", tasks=more),
        make_record("m", tasks=more, budget={"search_steps": 3}),  # no control had that budget
    ]
    results = load_results([write_run(tmp_path / "run", records)], plugins.metrics)
    assert {"weights-only", "random"} <= plugins.controls
    (table,) = (t for t in tables_of(results, [], controls=plugins.controls) if t.key == "trials")
    place = [column.key for column in table.columns].index("against_controls")
    told = [row[place].value for row in table.rows]
    assert told == ["", "", "better than weights-only; no difference shown to random", ""]
    control, other, row, _ = results.trial_rows
    found = against_controls(results.trial_rows, plugins.controls)[id(row)]
    accuracy = METRICS["accuracy"]
    assert found["weights-only"] == compare_metric(accuracy, Pair(control, row))
    assert found["random"] == compare_metric(accuracy, Pair(other, row))


def folders(tmp_path: Path, make: Callable[..., Record], write: Callable[..., Path]) -> list[Path]:
    """The reference folders, and an estimate and a run beside the suite's rows."""
    rows = [estimated("darts", 4862.6), estimated("onnas", 81.7)]
    save_estimate(tmp_path / "estimate", rows, "table2")
    data = {"label": "miniimagenet", "name": "miniimagenet", "ways": 5, "shots": 5}
    records = [
        make("darts", device="jetson", mode="emulated", dataset=data, status="out_of_memory"),
        make(
            "darts", device="rtx3090", mode="emulated", dataset=data, values={"peak_memory": 4800.0}
        ),
        make("onnas", device="jetson", mode="emulated", dataset=data, values={"peak_memory": 80.0}),
        make(
            "onnas", device="rtx3090", mode="emulated", dataset=data, values={"peak_memory": 81.0}
        ),
    ]
    run = write(tmp_path / "run", records, suites=["table2"])
    return [tmp_path / "estimate", run, *(path for path in REFERENCE.iterdir() if path.is_dir())]


def test_report_and_compare_give_the_same_numbers(
    tmp_path: Path,
    make_record: Callable[..., Record],
    write_run: Callable[..., Path],
    plugins: Plugins,
) -> None:
    """For each folder and suite, each of our numbers in one stands in the other."""
    met = 0
    for folder in folders(tmp_path, make_record, write_run):
        results = load_results([folder], plugins.metrics)
        for name in [each for each in results.suites if each in SUITES] or SUITES:
            suite = load_published(name, plugins)
            met += len(reported := in_report(results, suite))
            assert reported == in_comparison(results, suite), folder
    assert met >= 4


def in_report(results: Results, suite: PublishedSuite) -> set[tuple[str, str, str, float]]:
    """Our memory and accuracy in the published tables of a report."""
    found = set()
    for table in tables_of(results, [suite]):
        if not table.key.startswith(suite.name):
            continue
        keys = [column.key for column in table.columns]
        for row in table.rows:
            found |= values(keys, row)
    return found


def values(keys: Sequence[str], row: Sequence[object]) -> set[tuple[str, str, str, float]]:
    cells = dict(zip(keys, row, strict=True))
    place = "/".join(str(cells[key].value) for key in ("method", "dataset", "setting"))  # type: ignore[attr-defined]
    return {
        (suffix, place, "", round(cell.value, 6))  # type: ignore[attr-defined]
        for key, suffix in (("memory_mib", "memory"), ("accuracy_percent", "accuracy"))
        if key in cells
        and isinstance((cell := cells[key]).value, float)  # type: ignore[attr-defined]
        and cells[f"{key}_published"].value is not None  # type: ignore[attr-defined]
    }


def in_comparison(results: Results, suite: PublishedSuite) -> set[tuple[str, str, str, float]]:
    """The same numbers in the comparison with the paper."""
    return {
        (line.metric.short, f"{p.method}/{p.dataset}/{p.setting}", "", round(line.ours, 6))
        for compared in compare_with(suite, results.rows, results.stand_ins)
        for line in compared.lines
        for p in (line.place,)
        if line.metric.short in ("memory", "accuracy")
        and line.ours is not None
        and line.published is not None
    }
