"""Published numbers beside ours: differences, what fits, and what has to be told with them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.comparison.paper import PaperComparison, compare_with, compare_with_paper
from harness.comparison.published import PublishedSuite, load_published
from harness.errors import UsageError
from harness.plugins.loading import Plugins, load_plugins
from harness.results.costs import DeviceRow, EstimateRow
from harness.results.record import Record
from harness.results.results import FoundEstimate, FoundTrial, Results
from harness.results.rows import Row, rows_of_estimate

MakeRecord = Callable[..., Record]

SUITE = """
[[trials]]
methods = ["darts", "onnas"]
datasets = ["omniglot"]
devices = ["jetson"]
budget = "paper"

[published]
source = "Nobody et al."
file = "numbers.csv"
method = "{method}"
memory = "memory_mb"
accuracy = "accuracy"
times.jetson = "seconds"
unfit = ["jetson"]
rows = [{ dataset = "omniglot", ways = "20", shots = "5", method = "onnas", memory_mb = "25" }]

[[published.notes]]
text = "It contradicts itself."

[[published.notes]]
where = { method = "onnas", shots = "5" }
text = "This row is missing."
"""
NUMBERS = """dataset,ways,shots,method,memory_mb,accuracy,seconds
omniglot,5,1,darts,80,50,
omniglot,5,1,onnas[q=2],125,40,10
omniglot,5,5,darts,600,60,
"""
OMNIGLOT = {"label": "omniglot", "name": "omniglot", "queries": 1}
PAPER = {"meta_epochs": 30_000, "warmup_epochs": 15_000}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


@pytest.fixture
def suite(tmp_path: Path) -> str:
    (tmp_path / "numbers.csv").write_text(NUMBERS, encoding="utf-8")
    path = tmp_path / "mine.toml"
    path.write_text(SUITE, encoding="utf-8")
    return str(path)


def found(*records: Record, **more: Any) -> Results:
    return Results(tuple(FoundTrial(Path(), record) for record in records), (), (), (), **more)


def compared(collection: Results, plugins: Plugins, suite: str) -> PaperComparison:
    (one,) = compare_with_paper(collection, plugins, suite)
    return one


@pytest.fixture
def run(make_record: MakeRecord) -> Results:
    """Darts does not fit the emulated Jetson, On-NAS does."""
    common: dict[str, Any] = {
        "device": "jetson", "mode": "emulated", "dataset": OMNIGLOT, "budget": PAPER,
    }  # fmt: skip
    return found(
        make_record(label="darts", status="out_of_memory", **common),
        make_record([50.0] * 12, label="onnas", **common),
        make_record(label="pcdarts", **common),
    )


def test_each_published_row_has_ours_beside_it(plugins: Plugins, run: Results, suite: str) -> None:
    """Rows keep the published order; the difference is relative to what was published."""
    memory = [x for x in compared(run, plugins, suite).lines if x.metric.short == "memory"]
    assert [(x.place.method, x.place.setting, x.ours, x.published, x.relative) for x in memory] == [
        ("darts", "5-way 1-shot", None, 80.0, None),
        ("onnas", "5-way 1-shot", 100.0, 125.0, -0.2),
        ("darts", "5-way 5-shot", None, 600.0, None),
        ("onnas", "20-way 5-shot", None, 25.0, None),
    ]
    assert memory[1].source == "emulated"


def test_the_summary_counts_what_can_be_compared(
    plugins: Plugins, run: Results, suite: str
) -> None:
    """Mean and largest difference are of rows with both numbers; an X agrees with an X."""
    paper = compared(run, plugins, suite)
    assert paper.summary("memory") == {
        "published": 4,
        "compared": 1,
        "mean_absolute_relative": pytest.approx(0.2),
        "largest_absolute_relative": pytest.approx(0.2),
        "fits_known": 0,
        "fits_agree": 0,
    }
    assert paper.summary("accuracy")["mean_absolute_relative"] == pytest.approx(0.25)
    time = paper.summary("time", "jetson")
    # Predicted 2 s, published 10; of the rows that were run, one fits in both and one in neither.
    assert time["mean_absolute_relative"] == pytest.approx(0.8)
    assert (time["fits_known"], time["fits_agree"]) == (2, 2)


def test_contradictions_and_gaps_are_told(plugins: Plugins, run: Results, suite: str) -> None:
    """The suite's notes are remarks, with the rows that they are about."""
    paper = compared(run, plugins, suite)
    assert paper.remarks == (
        "It contradicts itself.",
        "method onnas, shots 5: This row is missing.",
    )
    assert [side.method for side in paper.others] == ["pcdarts"]


def test_a_scaled_budget_and_a_stand_in_are_told(
    plugins: Plugins, make_record: MakeRecord, suite: str
) -> None:
    """What differs from the published budget, and whose images were used, is said."""
    record = make_record(
        label="onnas", device="cpu", dataset={"label": "glyphs", "name": "glyphs"},
        budget={**PAPER, "channels": 8},
    )  # fmt: skip
    paper = compared(found(record, stand_ins={"glyphs": "omniglot"}), plugins, suite)
    line = next(x for x in paper.lines if x.ours is not None)
    assert (line.stand_in, line.place.dataset) == ("glyphs", "omniglot")
    assert paper.remarks[0] == "Scaled budget: channels 8 (published 28)."
    assert "glyphs stands in for a published data set" in paper.remarks[1]


def test_an_estimate_is_compared_and_stays_predicted(plugins: Plugins, suite: str) -> None:
    """Its memory is a range, marked predicted; it knows nothing of accuracy."""
    device = DeviceRow("jetson", "Jetson Nano", 640.0, True, None)
    row = EstimateRow("onnas", "omniglot", "5-way 1-shot", 28, 10, 150.0, 100.0, 1.0, (device,), "")
    estimate = FoundEstimate(Path(), (row,), None)
    paper = compared(Results((), (estimate,), (), ()), plugins, suite)
    memory = next(x for x in paper.lines if x.ours is not None)
    assert (memory.source, memory.low, memory.high) == ("predicted", 100.0, 150.0)
    assert paper.summary("accuracy")["compared"] == 0


def test_a_run_of_no_known_suite_is_refused(plugins: Plugins) -> None:
    """Without a suite there are no published numbers, and the option is named."""
    with pytest.raises(UsageError, match="no published numbers are known"):
        compare_with_paper(found(), plugins)


def test_a_row_that_was_run_twice_is_refused(
    plugins: Plugins, make_record: MakeRecord, suite: str
) -> None:
    """Which of two budgets to set beside the paper is not guessed."""
    twice = [
        make_record(label="onnas", dataset=OMNIGLOT, budget={"tasks": tasks}) for tasks in (3, 4)
    ]
    with pytest.raises(UsageError, match="several budgets, conditions or modes"):
        compare_with_paper(found(*twice), plugins, suite)


@pytest.mark.parametrize("name", ["table2", "table3", "table4", "figure9", "figure12", "storage"])
def test_every_published_suite_can_be_compared(plugins: Plugins, name: str) -> None:
    """With nothing run, each published number is there and ours is missing."""
    paper = compared(found(), plugins, name)
    assert paper.lines
    assert {line.ours for line in paper.lines} == {None}
    assert paper.remarks


def in_full(suite: PublishedSuite, conditions: str) -> list[Row]:
    """An estimate of every published row, at the budget of its data set."""
    rows = []
    for place, row in suite.rows:
        keys = suite.used_keys(place.dataset, "few-shot" if row.ways else "full-task")
        estimate = EstimateRow(
            method=place.method, dataset=place.dataset, setting=place.setting, channels=28,
            search_steps=int(keys["search_steps" if row.ways else "epochs"]), peak_memory_mib=100.0,
            lowest_memory_mib=90.0, storage_mib=1.0, error="", conditions=conditions + row.dataset,
            devices=(DeviceRow("jetson", "Jetson", 640.0, True, None),),
        )  # fmt: skip
        rows += rows_of_estimate(estimate)
    return rows


@pytest.mark.parametrize("name", ["table2", "table4"])
def test_data_sets_with_conditions_of_their_own_are_one_comparison(
    plugins: Plugins, name: str
) -> None:
    """Table 2 trains Omniglot by another recipe, table 4 CIFAR-100 for longer."""
    suite = load_published(name, plugins)
    (one,) = compare_with(suite, in_full(suite, "as "), {})
    memory = one.lines_of("memory", None)
    assert len(memory) == sum(line.ours is not None for line in memory) == len(suite.rows)
    assert one.scaled == ()
    twice = [*in_full(suite, "as "), *in_full(suite, "unlike ")]
    assert len(list(compare_with(suite, twice, {}))) == 2


def test_what_was_estimated_again_is_a_comparison_of_its_own(plugins: Plugins) -> None:
    """Two equal estimates stop no report, and `compare --paper` says truly why it refuses them."""
    suite = load_published("table2", plugins)
    once = in_full(suite, "as ")
    both = list(compare_with(suite, [*once, *once], {}))
    assert [len(each.lines_of("memory", None)) for each in both] == [len(suite.rows)] * 2
    assert both[0].lines == both[1].lines
    estimate = EstimateRow(
        "darts", "omniglot", "5-way 1-shot", 28, 5, 1.0, 1.0, 1.0,
        (DeviceRow("jetson", "Jetson", 640.0, True, None),), "",
    )  # fmt: skip
    found = FoundEstimate(Path(), (estimate,), "table2")
    with pytest.raises(UsageError, match="was run or estimated again, or under several budgets"):
        compare_with_paper(Results((), (found, found), (), ()), plugins, "table2")


def test_accuracies_have_intervals_deviations_and_chance(
    make_record: MakeRecord, plugins: Plugins, suite: str
) -> None:
    """What a picture has to show beside an accuracy: ours over seeds, and guessing among ways."""
    records = [
        make_record([50.0 + seed] * 12, label="darts", seed=seed, device="jetson", dataset=OMNIGLOT)
        for seed in range(3)
    ]
    lines = compared(found(*records), plugins, suite).lines_of("accuracy", None)
    (ours,) = [line for line in lines if line.ours is not None]
    assert ours.interval == pytest.approx(2.484, abs=0.001)
    assert {line.chance for line in lines} == {20.0, 5.0}
    whole = compared(found(*records), plugins, "table2")
    assert {line.published_std for line in whole.lines_of("accuracy", None)} >= {0.91, 0.1}
