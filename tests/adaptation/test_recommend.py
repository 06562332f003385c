"""What is recommended: the best of what fits, or nothing; and never more than was measured."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from scipy.stats import binom  # type: ignore[import-untyped]

from harness.adaptation import costs
from harness.adaptation import recommend as recommending
from harness.adaptation.costs import Contender, Cost
from harness.adaptation.decision import (
    Limits,
    beside_guessing,
    compared,
    decided,
    with_rehearsal,
    without_rehearsal,
)
from harness.adaptation.race import admitted, halved, in_time
from harness.adaptation.recommend import leaner
from harness.adaptation.request import PhotosRequest
from harness.cli.main import cli
from harness.cost_model.profile import Prediction
from harness.estimates.estimates import Estimate
from harness.models.judging import another_run, wilson
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.selection import Selection, select
from harness.tracing.search import Search
from harness.trials.runner import Runner, RunRequest

TINY = ("--size", "8", "--channels", "2", "--epochs", "3")
MIB = 2**20


def call(*arguments: object) -> Result:
    words = [str(each) for each in arguments]
    return CliRunner().invoke(cli, words, prog_name="harness")


def raced(label: str, right: int, mib: float = 1.0, dropped: str = "") -> Contender:
    """Return a method that was right about so many of 100 photos."""
    cost = Cost(label, round(mib * MIB), 1000, Prediction(60.0, 50.0, 80.0))
    return Contender(cost, right, total=100, epochs=12, dropped=dropped)


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


def test_controls_stay_to_the_end() -> None:
    """After a round half of those that search are left, the best, and all controls."""
    some = [
        raced("weights-only", 1),
        raced("onnas", 50),
        raced("darts[q=1]", 60),
        raced("random", 0),
    ]
    left, behind = halved(some, {"weights-only", "random"})
    assert [each.label for each in left] == ["weights-only", "darts[q=1]", "random"]
    assert [(each.label, each.dropped) for each in behind] == [
        ("onnas", "was behind after 12 epochs")
    ]


def took(label: str, seconds: float, work: float, right: int = 0) -> Contender:
    """Return a method whose first round took so long."""
    cost = Cost(label, MIB, 1000, work=work)
    return Contender(cost, right, total=100, epochs=3, seconds=seconds)


def test_as_many_take_part_as_there_is_time_for() -> None:
    """What the controls took tells what others will; who would not come to the end stays out."""
    controls = [took("weights-only", 3, 30), took("random", 1, 10)]  # 0.1 s a unit of work
    others = [took("a", 0, 20), took("b", 0, 40), took("c", 0, 60)]
    whole = (1 + 8 / 3) * 4
    light, heavier = (0.1 * work * (1 + 4 / 3) for work in (20, 40))
    in_, out = admitted(others, controls, whole + light + heavier + 0.01)
    assert [each.label for each in in_] == ["a", "b"]
    assert [(each.label, each.dropped) for each in out] == [
        ("c", "would have taken longer than there is time for the race")
    ]
    assert admitted(others, controls, 0)[0] == []


def test_the_best_go_on_as_far_as_time_goes() -> None:
    """First `weights-only`, then the other controls, then the rest by their accuracy."""
    some = [
        took("a", 3, 1, right=50),
        took("b", 3, 1, right=60),
        took("random", 3, 1),
        took("weights-only", 3, 1),
    ]
    controls = {"weights-only", "random"}
    left, late = in_time(some, controls, 3 * 8)
    assert [each.label for each in left] == ["weights-only", "random", "b"]
    assert [each.label for each in late] == ["a"]
    assert [each.label for each in in_time(some, controls, 9)[0]] == ["weights-only"]
    assert in_time(some, controls, 0)[0] == []


def test_leaner_ways_are_other_engines_and_parts() -> None:
    """A method that takes engines is given with each; of On-NAS, parts alone differ."""
    plugins = load_plugins()

    def ways(name: str, parts: int) -> list[str]:
        return list(leaner(plugins, select(plugins, "method", name), parts))

    assert ways("onnas", 5) == []
    assert ways("onnas", 1) == ["onnas[micro_batches=1]"]
    assert ways("random", 5) == []
    assert ways("darts", 1) == ["darts[engine=streamed]", "darts[engine=step_by_step]"]
    assert len(ways("darts", 5)) == 3
    assert ways("bias-only", 5) == ["bias-only[micro_batches=5]"]  # it refuses the other engines


@pytest.fixture
def few_methods(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave two methods: the control, and one that searches."""

    def usable(plugins: Plugins, say: object) -> Sequence[Selection]:
        names = ("weights-only", "onnas")
        return [each for name in names for each in select(plugins, "method", name)]

    monkeypatch.setattr(recommending, "usable_methods", usable)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let every method need 8 MiB, in five parts 4 and streamed 1 less; note what is asked."""
    asked: list[str] = []

    def found(_: object, request: RunRequest, *__: object) -> list[Cost]:
        labels = [str(each) for each in request.wanted["methods"]]
        asked.extend(labels)
        return [Cost(each, _bytes(each), 1000, Prediction(60.0, 50.0, 80.0)) for each in labels]

    monkeypatch.setattr(recommending, "costs_of", found)
    return asked


def _bytes(label: str) -> int:
    return (8 - 4 * ("micro_batches=5" in label) - ("streamed" in label)) * MIB


@pytest.mark.usefixtures("few_methods")
def test_too_little_memory_runs_nothing(photos: Path, scratch: Path, asked: list[str]) -> None:
    """Nothing fits: a sentence with what would be needed, a table with why, and status 1."""
    words = ("-d", "jetson", *TINY, "--memory", "2MiB")
    result = call("recommend", photos, *words)
    assert result.exit_code == 1, result.output
    assert result.stdout.startswith("Nothing fits: weights-only[")
    assert "needs the least memory, 3.0 MiB, and there are 2.0 MiB on jetson" in result.stdout
    assert "needs more memory than there is" in " ".join(result.stdout.split())
    # Whole batches by other engines, and On-NAS's as one; then parts, which it has itself.
    assert len(asked) == 2 + (2 + 1) + 3
    assert not (scratch.parent / "cache" / "adaptations").exists()
    adapted = call("adapt", photos, *words, "-o", "model")
    assert adapted.exit_code == 1
    assert "Nothing fits" in adapted.stderr
    assert not (scratch / "model").exists()


@pytest.mark.usefixtures("few_methods")
def test_what_does_not_fit_goes_on_by_a_leaner_engine(
    photos: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the engines and parts that fit one goes on, and the others say why they do not."""

    def race(_: object, __: object, standing: Sequence[Contender], *___: object) -> list[Contender]:
        return [replace(each, right=1, total=2) for each in standing]

    monkeypatch.setattr(recommending, "race", race)
    result = call(
        "recommend", photos, "-d", "jetson", *TINY, "--memory", "3.5MiB", "--no-rehearse", "--json"
    )
    assert result.exit_code == 0, result.output
    told = {each["method"]: each["dropped"] for each in json.loads(result.stdout)["methods"]}
    (left,) = [method for method, dropped in told.items() if dropped is None]
    assert "streamed" in left
    assert "micro_batches=5" in left
    assert all("more memory" in (told[method] or "") for method in ("onnas", "weights-only"))
    assert len(told) == len(asked)


@pytest.mark.usefixtures("few_methods", "asked")
def test_adapt_takes_what_is_recommended(
    photos: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same request without --method keeps what was rehearsed, runs no more, and says why."""

    def race(_: object, __: object, standing: Sequence[Contender], *___: object) -> list[Contender]:
        return [replace(each, right=1, total=2) for each in standing]

    monkeypatch.setattr(recommending, "race", race)
    words = (photos, "-d", "jetson", *TINY)
    told = json.loads(call("recommend", *words, "--json").stdout)
    assert told["recommended"] == "weights-only"
    time = told["methods"][0]["search_time"]
    assert time["low"] < time["value"] < time["high"]
    assert told["rehearsal"]["photos"] == 4
    assert told["rehearsal"]["epochs"] == 3

    def refused(*_: object) -> None:
        raise AssertionError("a trial was run again")

    monkeypatch.setattr(Runner, "_execute", refused)
    adapted = call("adapt", *words, "-o", "model", "--json")
    assert adapted.exit_code == 0, adapted.output
    left = json.loads(adapted.stdout)
    assert left["record"]["method"]["name"] == "weights-only"
    assert told["sentence"].startswith(" ".join(left["remarks"]))
    assert len(left["remarks"]) == 2
    assert left["accuracy"]["value"] == told["rehearsal"]["accuracy"]["value"]


@pytest.mark.usefixtures("few_methods", "asked")
def test_choice_that_fails_its_rehearsal_is_dropped(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is better in the race and then fails with all epochs makes way for the next."""

    def race(_: object, __: object, standing: Sequence[Contender], *___: object) -> list[Contender]:
        right = {"onnas": 90, "weights-only": 10}
        return [replace(each, right=right[each.name], total=100) for each in standing]

    def rehearse(_: object, __: object, choice: Contender, *___: object) -> Contender:
        fails = "did not end well: too much" if choice.name == "onnas" else ""
        return replace(choice, epochs=3, right=50, dropped=fails)

    monkeypatch.setattr(recommending, "race", race)
    monkeypatch.setattr(recommending, "rehearse", rehearse)
    told = json.loads(call("recommend", photos, "-d", "jetson", *TINY, "--json").stdout)
    assert told["recommended"] == "weights-only"
    assert told["rehearsal"]["right"] == 50
    dropped = {each["method"]: each["dropped"] for each in told["methods"]}
    assert dropped == {"weights-only": None, "onnas": "did not end well: too much"}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("nowhere",), "does not exist"),
        (("photos", "-d", "jetsn"), "did you mean 'jetson'"),
        (("photos/dark",), "holds 10 photos, but no folder for each class"),
        (("photos", "--time", "soon"), "not an amount of time"),
        (("photos", "--time", "5min"), "which has no cost model"),
        (("photos", "--energy", "some"), "not an amount of energy"),
        (("photos", "--energy", "5kJ"), "whose profile has no figure of its power"),
        (("photos", "--race-time", "long"), "not an amount of time"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(
    photos: Path, words: tuple[str, ...], sentence: str
) -> None:
    """What `adapt` refuses, `recommend` does: nothing is run, and the status is 2."""
    result = call("recommend", *words)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_another_seed_is_not_estimated_again(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the seed, the same searches are looked up, so that those kept before are found."""
    asked: list[list[Search]] = []

    def estimated(searches: list[Search], *_: object, **__: object) -> list[Estimate]:
        asked.append([replace(each, dataset="") for each in searches])  # no part of their key
        return [Estimate(each, error="not now") for each in searches]

    monkeypatch.setattr(costs, "estimate_all", estimated)
    monkeypatch.setattr(costs, "_finishing_cost", lambda *_: None)
    plugins = load_plugins()
    for seed in (0, 1):
        request = PhotosRequest(photos=photos, size=8, seed=seed)
        asked_for = request.run_request(["weights-only", "random"])
        found = costs.costs_of(plugins, asked_for, 12, request.cache_root, print)
        assert [each.error for each in found] == ["not now"] * 2
    assert asked[0] == asked[1]


def test_what_finishing_needs_is_estimated_once(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A derived network's cost is traced, kept beside the method's own, and found again."""
    request = PhotosRequest(photos=photos, size=8, channels=4, epochs=4)
    asked_for = request.run_request(["weights-only[engine=streamed]"])
    plugins = load_plugins()
    (first,) = costs.costs_of(plugins, asked_for, 2, request.cache_root, print)
    assert first.peak_bytes
    monkeypatch.setattr(costs, "trace", None)  # nothing is traced again
    (again,) = costs.costs_of(plugins, asked_for, 2, request.cache_root, print)
    assert again == first
