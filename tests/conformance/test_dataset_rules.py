"""Each rule for data sets catches one that breaks it, and passes one that does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.conformance.judging import RULES
from harness.conformance.rule import Verdict

Judged = Callable[..., Verdict]

RIGHT = """
import numpy as np
from harness.contracts import DatasetForm, Episode, SplitSummary
from harness.errors import UsageError

class Mine:
    kind, image_shape, fingerprint = "few-shot", (1, 4, 4), "0" * 64
    splits = {"train": SplitSummary(8, 12), "test": SplitSummary(8, 12)}
    label_type, overlap = np.int64, 0

    def form(self): return DatasetForm("few-shot", (1, 4, 4))
    def prepare(self, request): return self
    def class_names(self, split): return [f"{split} {number}" for number in range(8)]

    def bank(self, split):
        random = np.random.default_rng(["train", "test"].index(split))
        return random.normal(size=(8, 12, 1, 4, 4)).astype(np.float32)

    def generator(self, *identity): return np.random.default_rng(identity)
    def choose(self, random, ways): return random.permutation(8)[:ways]

    def episode(self, split, *, ways, shots, queries, seed, index):
        if ways > 8:
            raise UsageError("there are 8 classes")
        random = self.generator(len(split), ways, shots, queries, seed, index)
        chosen = self.choose(random, ways)
        rows = [random.permutation(12) for _ in chosen]
        bank, labels = self.bank(split), np.arange(ways, dtype=self.label_type)
        def take(first, last):
            images = [bank[c, row[first:last]] for c, row in zip(chosen, rows)]
            return np.stack(images, axis=1).reshape(-1, 1, 4, 4), np.tile(labels, last - first)
        start = shots - self.overlap
        return Episode(*take(0, shots), *take(start, start + queries))

Right = Mine
"""

WRONG = {
    "form-is-as-told": [
        ("images are float32 and labels int32", "label_type = np.int32"),
        ("form() says", 'def form(self): return DatasetForm("few-shot", (3, 4, 4))'),
        (
            "gives an episode of more classes than it has",
            """
    def episode(self, split, *, ways, **rest):
        return super().episode(split, ways=min(ways, 8), **rest)""",
        ),
    ],
    "episodes-have-identity": [
        (
            "episode 0 of split 'train' changes when it is asked for again",
            "def generator(self, *identity): return np.random.default_rng()",
        ),
        (
            "episodes 0 and 1 of split 'train' are the same",
            "def generator(self, *identity): return np.random.default_rng(identity[:-1])",
        ),
        (
            "is the same for seeds 0 and 1",
            "def generator(self, *identity): return np.random.default_rng(identity[-1])",
        ),
    ],
    "splits-are-separate": [
        (
            "of split 'train' are in split 'test' too",
            'def bank(self, _): return super().bank("test")',
        ),
        (
            "class 'a' is in split 'train' and in split 'test'",
            'def class_names(self, split): return ["a", split]',
        ),
    ],
    "queries-are-new": [("is among its support images", "overlap = 1")],
    "labels-follow-no-order": [
        (
            "labels follow an order of the classes",
            "def choose(self, random, ways): return np.arange(ways)",
        ),
    ],
}  # fmt: skip
CASES = [(rule, words, body) for rule, cases in WRONG.items() for words, body in cases]


@pytest.mark.parametrize("rule", [rule.name for rule in RULES["dataset"]])
def test_a_sound_data_set_keeps_every_rule(judged: Judged, rule: str) -> None:
    """Images of noise whose episodes are drawn from their identity keep each rule."""
    verdict = judged("dataset", rule, RIGHT)
    assert (verdict.status, verdict.came) == ("kept", "")


@pytest.mark.parametrize(("rule", "words", "body"), CASES)
def test_a_wrong_data_set_breaks_its_rule(judged: Judged, rule: str, words: str, body: str) -> None:
    """A data set that is wrong in one way is found out, and told what came and where to read."""
    verdict = judged("dataset", rule, f"{RIGHT}\nclass Mine(Right):\n    {body}\n")
    assert (verdict.status, words in verdict.came) == ("broken", True), verdict
    assert verdict.read == f"docs/plugins.md#{rule}"


def test_every_rule_has_a_wrong_data_set() -> None:
    """No rule for data sets goes without a plugin that breaks it."""
    assert {*WRONG, "import-is-quick"} == {rule.name for rule in RULES["dataset"]}
