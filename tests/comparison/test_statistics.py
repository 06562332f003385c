"""Differences of means and their intervals, against scipy and by their symmetry."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats  # type: ignore[import-untyped]

from harness.comparison.pairs import Difference, paired, unpaired
from harness.results.rows import Samples

ACCURACIES = st.lists(st.integers(0, 75).map(lambda right: right / 0.75), min_size=1, max_size=8)
SAMPLES = st.dictionaries(
    st.integers(0, 4),
    ACCURACIES.map(lambda values: dict(enumerate(values))),
    min_size=1,
    max_size=4,
)


def drawn(
    seeds: int, tasks: int, mean: float, *, between: float = 0.0, draw: int = 0
) -> dict[int, dict[int, float]]:
    """Accuracies whose seeds differ by as much as is asked for."""
    random = np.random.default_rng([draw, seeds, tasks])
    return {
        seed: dict(enumerate((mean + between * seed + random.normal(size=tasks)).tolist()))
        for seed in range(seeds)
    }


def flat(samples: Samples) -> list[float]:
    return [value for tasks in samples.values() for value in tasks.values()]


def test_one_seed_is_a_paired_t_interval_over_tasks() -> None:
    """With one seed, the interval is scipy's paired one over its tasks."""
    a, b = drawn(1, 20, 50.0), drawn(1, 20, 50.5, draw=1)
    found = paired(a, b)
    assert found is not None
    expected = stats.ttest_rel(flat(b), flat(a)).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.over, found.count, found.seeds, found.paired) == ("tasks", 20, 1, True)
    assert found.enough


def test_unpaired_is_welchs_interval() -> None:
    """Without pairs, the interval is scipy's for unequal variances."""
    a, b = drawn(1, 20, 50.0), drawn(1, 30, 53.0, draw=1)
    found = unpaired(a, b)
    assert found is not None
    expected = stats.ttest_ind(flat(b), flat(a), equal_var=False).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    assert (found.count, found.paired) == (20, False)


def test_a_known_difference_has_its_known_interval() -> None:
    """Differences 1, 2, 3 of three seeds have the mean 2 and t = 4.303 standard errors."""
    found = paired({s: {0: 0.0} for s in range(3)}, {s: {0: s + 1.0} for s in range(3)})
    assert found is not None
    half = 4.302653 / math.sqrt(3)
    assert (found.low, found.high) == pytest.approx((2 - half, 2 + half), rel=1e-6)
    assert (found.over, found.count, found.enough) == ("seeds", 3, True)


def test_seeds_that_differ_are_one_value_each() -> None:
    """Where seeds differ by more than their tasks explain, they are what is counted."""
    a = drawn(4, 20, 50.0)
    alike, apart = (paired(a, drawn(4, 20, 51.0, between=x, draw=7)) for x in (0.0, 5.0))
    assert alike is not None
    assert apart is not None
    assert (alike.over, alike.count) == ("tasks", 80)
    assert (apart.over, apart.count) == ("seeds", 4)


@pytest.mark.parametrize(
    ("seeds", "tasks", "between", "enough"),
    [(1, 9, 0.0, False), (1, 10, 0.0, True), (1, 1, 0.0, False), (2, 20, 9.0, False)],
)
def test_few_values_are_not_enough(seeds: int, tasks: int, between: float, enough: bool) -> None:
    """Fewer than ten tasks, a single value, or two seeds that differ settle nothing."""
    found = paired(drawn(seeds, tasks, 50.0), drawn(seeds, tasks, 60.0, between=between, draw=3))
    assert found is not None
    assert found.enough is enough


def test_only_common_tasks_are_paired() -> None:
    """A task or a seed that one side lacks is left out, and both means are of the pairs."""
    found = paired({0: {0: 1.0, 1: 2.0, 2: 90.0}, 1: {0: 5.0}}, {0: {0: 2.0, 1: 3.0}, 2: {0: 9.0}})
    assert found is not None
    assert (found.a, found.b, found.count) == (1.5, 2.5, 2)
    assert paired({0: {0: 1.0}}, {1: {0: 1.0}}) is None
    assert unpaired({}, {0: {0: 1.0}}) is None


def test_a_single_value_has_no_interval() -> None:
    """One trial with one value a side can be told apart by nothing."""
    for found in (paired({0: {0: 1.0}}, {0: {0: 2.0}}), unpaired({0: {0: 1.0}}, {1: {0: 2.0}})):
        assert found is not None
        assert (found.low, found.high, found.enough) == (None, None, False)


def turned(found: Difference) -> tuple[object, ...]:
    assert found.low is not None
    assert found.high is not None
    return found.b, found.a, pytest.approx(-found.high), pytest.approx(-found.low)


@settings(deadline=None)
@given(SAMPLES, SAMPLES)
def test_swapping_the_sides_turns_the_interval(a: Samples, b: Samples) -> None:
    """B against A is A against B with the sign turned, paired or not."""
    for difference in (paired, unpaired):
        one, other = difference(a, b), difference(b, a)
        assert (one is None) is (other is None)
        if one is None or other is None:
            continue
        assert (one.over, one.count, one.enough) == (other.over, other.count, other.enough)
        assert (one.low is None) is (other.low is None)
        if one.low is not None:
            assert (other.a, other.b, other.low, other.high) == turned(one)


@settings(deadline=None)
@given(SAMPLES)
def test_what_is_identical_does_not_differ(samples: Samples) -> None:
    """Compared with itself in pairs, the difference is exactly nothing, and that is enough."""
    found = paired(samples, samples)
    assert found is not None
    assert found.a == found.b
    assert found.enough
    assert (found.low, found.high) == (0.0, 0.0)
