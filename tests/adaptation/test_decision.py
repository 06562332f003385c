"""What is chosen of methods that have raced, and what is said of it."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
from scipy.stats import binom  # type: ignore[import-untyped]

from harness.adaptation.costs import Cost, Limits
from harness.adaptation.decision import (
    beside_guessing,
    compared,
    decided,
    with_rehearsal,
    without_rehearsal,
)
from harness.adaptation.race import Contender
from harness.cost_model.profile import Prediction
from harness.models.judging import another_run, wilson
from tests.adaptation.conftest import MIB, raced


def choose(*contenders: Contender, limit_mib: float | None = None) -> Any:
    limits = Limits(None if limit_mib is None else int(limit_mib * MIB), None)
    return decided("jetson", limits, compared(contenders), ())


def test_what_is_better_than_weights_only_is_taken() -> None:
    """A search that is seen to gain is recommended with both figures and its cost."""
    found = choose(raced("weights-only", 40), raced("onnas", 70, 2), raced("random", 45))
    assert found.choice.label == "onnas"
    assert found.sentence == (
        "Take onnas: after 12 epochs it recognised 70 of 100 photos, and weights-only 40. It needs "
        "2.0 MiB and about 1.0 minutes on jetson."
    )
    assert [each.verdict for each in found.contenders] == ["better", "not told apart", ""]


def test_searching_that_gains_nothing_is_said_to() -> None:
    """Where nothing is seen to be better, weights-only is, whatever came first by chance."""
    found = choose(raced("weights-only", 50), raced("onnas", 55), raced("darts", 30))
    assert found.choice.label == "weights-only"
    assert found.sentence.startswith("Searching gains nothing here: take weights-only")
    assert {each.label: each.verdict for each in found.contenders} == {
        "weights-only": "", "onnas": "not told apart", "darts": "worse",
    }  # fmt: skip


def test_what_may_be_guessing_is_said_to() -> None:
    """Where chance would do as well, by the interval, the sentence ends with that."""
    few, many = choose(raced("weights-only", 22)), choose(raced("weights-only", 50))
    assert beside_guessing(few, classes=5).sentence.endswith("guessing among 5 classes.")
    assert beside_guessing(many, classes=5) == many
    rehearsed = with_rehearsal(few, raced("weights-only", 90))
    assert beside_guessing(rehearsed, classes=5) == rehearsed  # all epochs tell more than few


def test_without_weights_only_nothing_tells_what_a_search_is_worth() -> None:
    """Where the control does not fit, the best of the others is taken, and that is said."""
    found = choose(raced("weights-only", 0, 9, "needs more memory"), raced("onnas", 55))
    assert found.choice.label == "onnas"
    assert "nothing tells what its search is worth" in found.sentence


def test_nothing_that_fits_is_told_with_the_least_that_would() -> None:
    """Where all need too much, the sentence has the smallest need and what there is."""
    found = choose(
        raced("onnas", 0, 3, "needs more"), raced("darts", 0, 9, "needs more"), limit_mib=1
    )
    assert found.choice is None
    assert found.sentence.startswith("Nothing fits: onnas needs the least memory, 3.0 MiB, and")
    assert "there are 0.01 MiB" in choose(found.contenders[0], limit_mib=0.01).sentence  # not 0.0


def test_too_little_time_is_told_with_the_quickest() -> None:
    """Where all may take too long, or too much energy, the sentence says what the quickest may."""
    slow = raced("weights-only", 0, dropped="may take longer than there is time")
    slow = replace(slow, cost=replace(slow.cost, power_w=10.0))
    told = decided("jetson", Limits(None, 60.0), [slow], ()).sentence
    assert "weights-only is the quickest, and may take up to 1.3 minutes on jetson" in told
    drained = decided("jetson", Limits(None, None, 500.0), [slow], ()).sentence
    assert "may take up to 1.3 minutes and 800 J on jetson" in drained


def test_limits_are_held_to_the_byte_and_to_the_end_of_the_band() -> None:
    """A byte too much does not fit, nor does a time whose band reaches beyond the limit."""
    cost, there = Cost("a", 1000, 10, Prediction(60.0, 50.0, 80.0)), Limits(1000, 80.0)
    assert there.fault(cost) == ""
    assert "memory" in Limits(999, None).fault(cost)
    assert "time" in Limits(None, 79.0).fault(cost)
    drawing = replace(cost, power_w=10.0)
    assert drawing.energy_j == Prediction(600.0, 500.0, 800.0)
    assert Limits(1000, 80.0, 800.0).fault(drawing) == ""
    assert "energy" in Limits(1000, 80.0, 799.0).fault(drawing)
    assert "cannot be estimated: why" in there.fault(Cost("a", error="why"))


def test_what_was_dropped_is_never_chosen() -> None:
    """Whatever came of the race, the choice is one that fits and has come to its end."""
    draw = random.Random(0)  # noqa: S311 - no secret
    for _ in range(200):
        some = [
            raced(name, draw.randrange(101), draw.random(), draw.choice(["", "needs more memory"]))
            for name in ("weights-only", "random", "onnas", "darts")
        ]
        found = choose(*some)
        assert (found.choice is None) == all(each.dropped for each in some)
        assert found.choice is None or not found.choice.dropped


def test_choice_is_told_with_what_it_came_to() -> None:
    """A rehearsal is told with what another run may come to; without one, that none was is."""
    plain = "weights-only"
    found = with_rehearsal(choose(raced(plain, 50)), replace(raced(plain, 70), epochs=24))
    assert found.sentence.endswith(
        "Rehearsed with all 24 epochs, it recognised 70 of 100 photos that nothing had learned "
        "from: 70 %. Expect 57 to 81 % of another run, which holds out other photos (95 % "
        "prediction interval); what another seed adds to that, one rehearsal cannot show."
    )
    told = found.to_json()["rehearsal"]
    assert told["another_run"] == {"low": 57.0, "high": 81.0, "unit": "%", "source": "predicted"}
    left_out = without_rehearsal(choose(raced(plain, 50)), 24)
    assert "after 12 of 24 epochs: no forecast of the whole run" in left_out.sentence
    assert left_out.to_json()["rehearsal"] is None


def test_another_run_lies_in_the_interval_as_often_as_is_said() -> None:
    """Over all shares the interval of 95 % holds in 93 % or more, and is wider than Wilson's."""
    for total in (12, 30, 80):
        counts = np.arange(total + 1)
        shares = 100 * counts / total
        bounds = [another_run(count, total) for count in counts.tolist()]
        for share in np.linspace(0.02, 0.98, 49):
            chances = binom.pmf(counts, total, share)
            held = [
                float(chances[(low <= shares) & (shares <= high)].sum()) for low, high in bounds
            ]
            assert float(chances @ held) > 0.93, (total, share)
        low, high = bounds[total // 2]
        least, most = wilson(total // 2, total)
        assert high - low > 1.2 * (most - least)
