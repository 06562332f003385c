"""The rules for spaces: what keeps them, and what each of them catches."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from harness_spaces.nasbench201 import NasBench201
from torch import nn

from harness.conformance.judging import RULES, judge
from harness.conformance.rule import Address, Subject, Verdict


def verdicts(name: str, cache: Path) -> dict[str, Verdict]:
    subject = Subject.at(Address("space", name, None, cache))
    return {rule.name: judge(rule, subject) for rule in RULES["space"][1:]}


def test_nasbench201_keeps_every_rule(tmp_path: Path) -> None:
    """The space that comes with the harness is held to the rules that strangers' are."""
    assert {each.status for each in verdicts("nasbench201", tmp_path).values()} == {"kept"}


def test_a_supernet_is_for_the_rules_of_methods(tmp_path: Path) -> None:
    """Nothing is said of a space whose architectures are no strings."""
    found = verdicts("metanas", tmp_path).values()
    assert {each.status for each in found} == {"not applicable"}


class TwoAlike(NasBench201):
    """Tells the first edge of no architecture."""

    def vector(self, architecture: str) -> Any:
        vector = super().vector(architecture)
        vector[:5] = 0
        return vector


class Lazy(NasBench201):
    """Mutates nothing."""

    def mutate(self, architecture: str, random: np.random.Generator) -> str:
        return architecture


class Forgetful(NasBench201):
    """Leaves out a neighbour."""

    def neighbours(self, architecture: str) -> list[str]:
        return super().neighbours(architecture)[1:]


class Narrow(NasBench201):
    """Draws no pooling."""

    def sample(self, random: np.random.Generator) -> str:
        return self.architecture(random.integers(4, size=6).tolist())


class Careless(NasBench201):
    """Has another operation on its first edge than its string says."""

    def network(self, architecture: str, image_shape: Any, classes: int) -> nn.Module:
        first, *others = self.decisions(architecture)
        other: Sequence[int] = [3 if first != 3 else 0, *others]
        return super().network(self.architecture(other), image_shape, classes)


@pytest.mark.parametrize(
    ("space", "rule", "came"),
    [
        (TwoAlike, "encoding-round-trips", "has the vector of another architecture"),
        (Lazy, "moves-stay-inside", "a mutation of .* differs in 0 decisions"),
        (Forgetful, "moves-stay-inside", "23 different neighbours, and not the same 24"),
        (Narrow, "sampling-covers", r"decision 0 takes option 4 in 0\.0% of 500 draws"),
        (Careless, "network-equals-encoding", "and its encoding counts"),
    ],
)
def test_what_is_wrong_breaks_its_rule_alone(
    space: type, rule: str, came: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fault breaks the rule that is about it, with what came in words."""
    monkeypatch.setattr(Subject, "create", lambda _: space())
    found = verdicts("nasbench201", tmp_path)
    broken = {name: each.came for name, each in found.items() if each.status == "broken"}
    assert list(broken) == [rule]
    assert re.search(came, broken[rule])
