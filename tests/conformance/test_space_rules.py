"""The rules for spaces and scores: what keeps them, and what each of them catches."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from harness_spaces.nasbench201 import NasBench201
from torch import Tensor, nn

from harness.conformance.judging import RULES, judge
from harness.conformance.rule import Address, Subject, Verdict
from harness.space.batch_norm import BatchNorm
from harness.space.spec import METANAS, SearchSpace


def verdicts(name: str, cache: Path) -> dict[str, Verdict]:
    subject = Subject.at(Address("space", name, None, cache))
    return {rule.name: judge(rule, subject) for rule in RULES["space"][1:]}


@pytest.mark.parametrize("name", ["metanas", "darts-operations", "nasbench201"])
def test_built_in_spaces_keep_every_rule(name: str, tmp_path: Path) -> None:
    """The spaces that come with the harness are held to the rules that strangers' are."""
    found = {rule: each.status for rule, each in verdicts(name, tmp_path).items()}
    supernet = found.pop("operations-fit-a-supernet")
    assert set(found.values()) == {"kept"}
    assert supernet == ("not applicable" if name == "nasbench201" else "kept")


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


class Unequal(SearchSpace):
    """Has an operation that computes something else each time that it runs."""

    def build_operation(self, name: str, channels: int, stride: int, **given: Any) -> nn.Module:
        if name == "conv_3x3":
            pool = nn.AvgPool2d(3, stride, padding=1)
            return nn.Sequential(pool, nn.Dropout(0.5), BatchNorm(channels))
        return super().build_operation(name, channels, stride, **given)


def unequal() -> SearchSpace:
    return Unequal("unequal", METANAS.operations)


def ragged() -> SearchSpace:
    class Ragged(SearchSpace):
        """Forgets the stride."""

        def build_operation(self, name: str, channels: int, stride: int, **given: Any) -> nn.Module:
            return super().build_operation(name, channels, 1, **given)

        def network(self, architecture: str, image_shape: Any, classes: int) -> nn.Module:
            return METANAS.network(architecture, image_shape, classes)

    return Ragged("ragged", METANAS.operations)


@pytest.mark.parametrize(
    ("space", "rule", "came"),
    [
        (TwoAlike, "encoding-round-trips", "has the vector of another architecture"),
        (Lazy, "moves-stay-inside", "a mutation of .* differs in 0 decisions"),
        (Forgetful, "moves-stay-inside", "23 different neighbours, and not the same 24"),
        (Narrow, "sampling-covers", r"decision 0 takes option 4 in 0\.0% of 500 draws"),
        (Careless, "network-equals-encoding", "and its encoding counts"),
        (unequal, "operations-fit-a-supernet", "'streamed' computes other gradients"),
        (ragged, "operations-fit-a-supernet", "'max_pool_3x3' of stride 2 gives"),
    ],
)
def test_what_is_wrong_breaks_its_rule_alone(
    space: Callable[[], Any], rule: str, came: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each fault breaks the rule that is about it, with what came in words."""
    monkeypatch.setattr(Subject, "create", lambda _: space())
    found = verdicts("nasbench201", tmp_path)
    broken = {name: each.came for name, each in found.items() if each.status == "broken"}
    assert list(broken) == [rule]
    assert re.search(came, broken[rule])


SCORES = ["flops", "grad-norm", "naswot", "parameters", "snip", "synflow", "zen"]


def verdict_of_score(name: str, cache: Path) -> Verdict:
    (rule,) = RULES["score"][1:]
    return judge(rule, Subject.at(Address("score", name, None, cache)))


@pytest.mark.parametrize("name", SCORES)
def test_built_in_scores_keep_the_rule(name: str, tmp_path: Path) -> None:
    """The scores that come with the harness are held to the rule that strangers' are."""
    assert verdict_of_score(name, tmp_path).status == "kept"


def trains(network: nn.Module, images: Tensor, _: Tensor) -> float:
    with torch.no_grad():
        next(network.parameters()).add_(1.0)
    return float(images.sum())


def wanders(*_: object) -> float:
    return float(np.random.default_rng().random())


@pytest.mark.parametrize(
    ("score", "came"),
    [
        (trains, "it changed the weights of the network"),
        (lambda *_: float("nan"), "it gave nan, which must be a float and no NaN"),
        (lambda *_: torch.tensor(1.0), "which must be a float"),
        (wanders, "for the same network and seed"),
    ],
)
def test_what_is_wrong_with_a_score_is_said(
    score: Callable[..., float], came: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A score that trains, has no number or is another each time breaks the rule."""
    monkeypatch.setattr(Subject, "create", lambda _: score)
    found = verdict_of_score("synflow", tmp_path)
    assert found.status == "broken"
    assert came in found.came
