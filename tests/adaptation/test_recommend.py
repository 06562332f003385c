"""What is recommended: the best of what fits, or nothing; and never more than was measured."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from harness.adaptation import recommend as recommending
from harness.adaptation.costs import Cost
from harness.adaptation.race import Contender
from harness.adaptation.recommend import leaner
from harness.cost_model.profile import Prediction
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.selection import Selection, select
from harness.trials.runner import Runner, RunRequest
from tests.adaptation.conftest import MIB, call

TINY = ("--size", "8", "--channels", "2", "--epochs", "3")


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
