"""Verdicts: better, worse, not shown, not enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.comparison.comparing import is_failed, parse_thresholds
from harness.comparison.result import compare
from harness.errors import UsageError
from harness.results.record import Record
from harness.results.results import Results
from tests.comparison.conftest import estimate, estimated, found, only

MakeRecord = Callable[..., Record]


def accuracies(mean: float, tasks: int = 40, draw: int = 0) -> list[float]:
    noise = np.random.default_rng(draw).normal(size=tasks)
    return [float(value) for value in (mean + noise).clip(0, 100)]


def test_more_accuracy_is_better_and_more_memory_and_time_are_worse(
    make_record: MakeRecord,
) -> None:
    """The direction of each metric is known; the verdict is about B."""
    a = make_record(accuracies(50), seconds=accuracies(10, draw=1))
    b = make_record(accuracies(60), memory=[120.0] * 40, seconds=accuracies(20, draw=2))
    result = compare(found(a), found(b))
    assert only(result, "accuracy").verdict == "better"
    assert only(result, "memory").verdict == only(result, "time").verdict == "worse"
    assert only(result, "storage").verdict == "no difference shown"
    memory = only(result, "memory")
    assert (memory.difference, memory.relative, memory.basis) == (20.0, 0.2, "exact")


def test_the_same_tasks_are_paired(make_record: MakeRecord) -> None:
    """What noise of tasks hides is shown by pairs: a constant gain on very different tasks."""
    a = [float(x) for x in range(5, 85, 2)]
    b = [x + 1 + 0.1 * (i % 2) for i, x in enumerate(a)]
    pairs = only(compare(found(make_record(a)), found(make_record(b))), "accuracy")
    assert (pairs.basis, pairs.verdict, pairs.over) == ("paired", "better", "40 tasks of 1 seed")
    other = make_record(b, dataset={"fingerprint": "other"})
    apart = only(compare(found(make_record(a)), found(other), allowed=["dataset"]), "accuracy")
    assert (apart.basis, apart.verdict) == ("unpaired", "no difference shown")


def test_other_seeds_are_not_paired(make_record: MakeRecord) -> None:
    """Episodes depend on the seed, so that runs of other seeds are compared by Welch's t."""
    a, b = make_record(accuracies(50), seed=0), make_record(accuracies(50, draw=1), seed=1)
    assert only(compare(found(a), found(b)), "accuracy").basis == "unpaired"


@pytest.mark.parametrize("tasks", [1, 4, 9])
def test_few_tasks_of_one_seed_are_not_enough_to_tell(make_record: MakeRecord, tasks: int) -> None:
    """However large the difference, a handful of tasks settles nothing."""
    a, b = make_record(accuracies(20, tasks)), make_record(accuracies(90, tasks, draw=1))
    assert only(compare(found(a), found(b)), "accuracy").verdict == "not enough to tell"


def test_memory_that_depends_on_chance_needs_seeds(make_record: MakeRecord) -> None:
    """Where tasks' peaks vary, a count is a sample: one seed is not enough, three are."""
    a = [make_record(memory=[90.0 + s + i for i in range(12)], seed=s) for s in range(3)]
    b = [make_record(memory=[190.0 + s + i for i in range(12)], seed=s) for s in range(3)]
    one = only(compare(found(a[0]), found(b[0])), "memory")
    three = only(compare(found(*a), found(*b)), "memory")
    assert one.verdict == "not enough to tell"
    assert (three.verdict, three.basis, three.over) == ("worse", "paired", "3 seeds")


def test_what_does_not_fit_is_worse(make_record: MakeRecord) -> None:
    """A device that held A and not B makes B worse; the other way round it is better."""
    fits, unfit = make_record(), make_record(status="out_of_memory")
    worse = only(compare(found(fits), found(unfit)), "memory")
    assert (worse.verdict, worse.b, worse.fits_b, worse.a) == ("worse", None, False, 100.0)
    assert only(compare(found(unfit), found(fits)), "memory").verdict == "better"
    neither = only(compare(found(unfit), found(unfit)), "memory")
    assert neither.verdict == "no difference shown"


def test_what_crashed_is_not_compared_with_what_does_not_fit(make_record: MakeRecord) -> None:
    """Whether it would have fitted is not known, so neither is better, and the reason is told."""
    crashed, unfit = make_record(status="error"), make_record(status="out_of_memory")
    for a, b, name in ((crashed, unfit, "A"), (unfit, crashed, "B")):
        memory = only(compare(found(a), found(b)), "memory")
        assert (memory.verdict, memory.why) == (
            "not compared",
            f"whether {name} fits is not known",
        )
        assert not is_failed(memory, parse_thresholds("2%"))


def test_time_of_other_processors_is_not_compared(make_record: MakeRecord) -> None:
    """A faster machine is no better method."""
    a, b = make_record(), make_record(environment={"processor": "two"})
    time = only(compare(found(a), found(b)), "time")
    assert (time.verdict, time.why) == ("not compared", "measured on different processors")


def test_predicted_times_differ_where_their_bands_do(make_record: MakeRecord) -> None:
    """Predictions have no samples; within their bands nothing is shown, and they stay marked."""
    near = only(compare(estimated(estimate(100)), estimated(estimate(100, seconds=12))), "time")
    far = only(compare(estimated(estimate(100)), estimated(estimate(100, seconds=30))), "time")
    assert (near.verdict, near.basis) == ("no difference shown", "band")
    assert (far.verdict, far.source_a, far.source_b) == ("worse", "predicted", "predicted")
    emulated = make_record(mode="emulated")
    assert only(compare(found(emulated), found(emulated)), "time").source_b == "predicted"


@pytest.mark.parametrize(
    ("memory", "lowest", "verdict"),
    [
        (100.0, None, "no difference shown"),
        (90.0, 80.0, "better"),
        (110.0, 95.0, "no difference shown"),
        (110.0, 105.0, "worse"),
    ],
)
def test_estimates_compare_like_runs(memory: float, lowest: float | None, verdict: str) -> None:
    """An exact estimate is a number, one that depends on choices a range."""
    result = compare(estimated(estimate(100.0)), estimated(estimate(memory, lowest)))
    assert only(result, "memory").verdict == verdict


def test_records_of_one_seed_are_one_sample(make_record: MakeRecord) -> None:
    """A run before and one after a change count as the later one, and a remark says so."""
    later = [
        make_record(accuracies(60, draw=seed), seed=seed, ended_at="2026-11-02") for seed in (0, 1)
    ]
    both = [*(each.model_copy(update={"ended_at": "2026-11-01"}) for each in later), *later]
    (row,) = compare(found(*later), found(*both)).rows
    told = next(each for each in row.comparisons if each.metric.short == "accuracy")
    assert (told.difference, told.over) == (0.0, "80 tasks of 2 seeds")
    assert row.remarks == ("B: 2 earlier records of the same seeds are left out",)


def test_failed_trials_are_told(make_record: MakeRecord) -> None:
    """Means are of what ended well; what did not is a remark, and fails a comparison in CI."""
    a = found(make_record(seed=0), make_record(seed=1))
    b = found(make_record(seed=0), make_record(seed=1, status="error"))
    (row,) = compare(a, b, thresholds=parse_thresholds("5%")).rows
    assert "B: seed 1 ended error" in row.remarks
    assert row.failed == ("trials",)
    assert not compare(a, a, thresholds=parse_thresholds("5%")).has_failed


@pytest.mark.parametrize(
    ("text", "failed"),
    [
        ("2%", ("memory", "accuracy")),
        ("25%", ()),
        ("memory=5%", ("memory",)),
        ("accuracy=2", ("accuracy",)),
        ("accuracy=20", ()),
        ("memory=20", ()),
        ("0%,memory=30%", ("accuracy",)),
    ],
)
def test_only_what_is_worse_by_more_than_tolerated_fails(
    make_record: MakeRecord, text: str, failed: tuple[str, ...]
) -> None:
    """Limits are percent of A or units, for all metrics or for some."""
    a = make_record(accuracies(50))
    b = make_record(accuracies(40), memory=[120.0] * 40)
    (row,) = compare(found(a), found(b), thresholds=parse_thresholds(text)).rows
    assert row.failed == failed
    assert not compare(found(b), found(b), thresholds=parse_thresholds(text)).has_failed


def test_what_is_not_shown_never_fails(make_record: MakeRecord) -> None:
    """A large difference that may be luck is no reason to fail."""
    a, b = make_record(accuracies(50, 4)), make_record(accuracies(10, 4))
    compared = only(compare(found(a), found(b)), "accuracy")
    assert not is_failed(compared, parse_thresholds("0%"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("2", "2% for all metrics"),
        ("", "2% for all metrics"),
        ("-2%", "2% for all metrics"),
        ("memory", "2% for all metrics"),
        ("acuracy=2", "did you mean 'accuracy'"),
        ("memory=2,memory=3", "twice"),
        ("1%,2%", "says all twice"),
    ],
)
def test_limits_that_cannot_be_read_are_refused(text: str, says: str) -> None:
    """What is wrong with a limit is said with what would be right."""
    with pytest.raises(UsageError) as caught:
        parse_thresholds(text)
    assert says in str(caught.value)


OPPOSITE = {"better": "worse", "worse": "better"}
TRIAL = st.tuples(
    st.lists(st.integers(0, 15).map(lambda right: right / 0.15), min_size=1, max_size=14),
    st.sampled_from([100.0, 110.0]),
    st.sampled_from(["ok", "ok", "ok", "out_of_memory", "error"]),
)
TRIALS = st.lists(TRIAL, min_size=1, max_size=4)


def run_of(make_record: MakeRecord, trials: list[tuple[list[float], float, str]]) -> Results:
    return found(
        *(
            make_record(values, memory=[memory] * len(values), status=status, seed=seed)
            for seed, (values, memory, status) in enumerate(trials)
        )
    )


@settings(deadline=None, max_examples=60)
@given(TRIALS, TRIALS)
def test_swapping_the_runs_swaps_the_verdict(
    make_record: MakeRecord, first: list[Any], second: list[Any]
) -> None:
    """If B is better than A, A is worse than B; all else stays what it is."""
    a, b = (run_of(make_record, trials) for trials in (first, second))
    one, other = (compare(*sides).rows[0].comparisons for sides in ((a, b), (b, a)))
    assert [OPPOSITE.get(each.verdict, each.verdict) for each in one] == [
        each.verdict for each in other
    ]
    assert [each.difference for each in one] == [
        None if each.difference is None else -each.difference for each in other
    ]


@settings(deadline=None, max_examples=60)
@given(TRIALS)
def test_identical_runs_show_no_difference(make_record: MakeRecord, trials: list[Any]) -> None:
    """Compared with itself, a run is neither better nor worse in anything, and nothing fails."""
    run = run_of(make_record, trials)
    result = compare(run, run, thresholds=parse_thresholds("0%"))
    verdicts = {each.verdict for row in result.rows for each in row.comparisons}
    assert verdicts <= {"no difference shown"}
    assert not result.has_failed
