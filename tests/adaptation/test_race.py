"""Who races how far: controls to the end, of the others the best, as far as time goes."""

from __future__ import annotations

from harness.adaptation.costs import Cost
from harness.adaptation.race import Contender, admitted, halved, in_time
from tests.adaptation.conftest import MIB, raced


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
