"""Each rule for methods catches a method that breaks it, and passes one that does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.conformance.judging import RULES
from harness.conformance.rule import Conditions, Verdict

Judged = Callable[..., Verdict]

HEAD = """
import random, subprocess, sys
from pathlib import Path
import torch
from harness.conformance.device_rules import Reference
from harness.contracts import Adaptation
from harness.space.genotype import Genotype
from harness.space.spec import NODES
"""

RIGHT = HEAD + "class Mine(Reference): pass"

PRETRAINED = (
    HEAD
    + """
class Learner(Reference):
    def build(self, context):
        super().build(context)
        if context.initial_state is not None:
            self.layer.load_state_dict(context.initial_state)

    def copied(self):
        return {name: value.clone() for name, value in self.layer.state_dict().items()}

    def adapt(self, task):
        before = self.copied()
        metrics = [self.search_step(batches) for batches in task.steps][-1]
        after = self.copied()
        self.layer.load_state_dict(before)
        return Adaptation(after, metrics)

    def meta_update(self, adapted):
        self.layer.load_state_dict(adapted[0])
"""
)

HANGS = (
    HEAD
    + """
class Mine(Reference):
    def search_step(self, batches):
        import time
        time.sleep(600)
"""
)

# For each rule: what breaks it, and words of what it then says came.
WRONG = {
    "metrics-are-numbers": [
        ("250.0 at task 1, search step 1", """
    def search_step(self, batches):
        return {**super().search_step(batches), "accuracy": 250.0}
"""),
        ("NotFiniteError: the loss became nan", """
    def search_step(self, batches):
        return {**super().search_step(batches), "loss": float("nan")}
"""),
        ("it must return a loss and an accuracy", """
    def search_step(self, batches):
        super().search_step(batches)
"""),
    ],
    "budget-is-respected": [
        ("went through its batches 2 times", """
    def search_step(self, batches):
        list(batches)
        return super().search_step(batches)
"""),
        ("search step 1 took 1 of its 2 batches", """
    def search_step(self, batches):
        return super().search_step([next(iter(batches))])
"""),
        ("the step caught the BudgetExceededError", """
    def search_step(self, batches):
        taken = []
        try:
            for batch in batches:
                taken.append(batch)
        except Exception:
            pass
        return super().search_step(taken)
"""),
    ],
    "same-seed-same-result": [
        ("differ in the logits", """
    def predict(self, images):
        return super().predict(images) + random.random()
"""),
    ],
    "no-query-labels": [
        ("when nothing but the labels of the query images did", """
    def predict(self, images):
        frame = sys._getframe()
        while frame is not None and "labels" not in frame.f_locals:
            frame = frame.f_back
        logits = super().predict(images)
        if frame is None:
            return logits
        return logits + torch.nn.functional.one_hot(frame.f_locals["labels"], 5)
"""),
    ],
    "predictions-stand-alone": [
        ("change with the images that are predicted beside it", """
    def predict(self, images):
        logits = super().predict(images)
        return logits - logits.mean(dim=0)
"""),
        ("predict changed the tensor 'bias'", """
    def predict(self, images):
        logits = super().predict(images)
        self.layer.bias.data[0] += 1e-5
        return logits
"""),
        ("NaN", """
    def predict(self, images):
        return super().predict(images) * float("nan")
"""),
    ],
    "memory-is-released": [
        ("4,096 bytes more were alive before task 3 than before task 2", """
    kept = []
    def build(self, context):
        super().build(context)
        self.kept.append(torch.zeros(1024))
"""),
    ],
    "state-round-trips": [
        ("state_dict is empty", """
    def state_dict(self):
        return {}
"""),
        ("state_dict has 'steps' with a int", """
    def state_dict(self):
        return {"steps": 3}
"""),
        ("the tensor 'weight' is torch.bfloat16, which", """
    def state_dict(self):
        return {"weight": self.layer.weight.to(torch.bfloat16)}
"""),
    ],
    "architecture-is-valid": [
        ("an architecture is not in the space", """
    def architecture(self):
        nodes = (((0, "conv_9x9"), (1, "skip_connect")),) * NODES
        return Genotype.model_construct(normal=nodes, reduction=nodes)
"""),
    ],
    "estimate-equals-count": [
        ("bytes of peak memory, and", """
    def search_step(self, batches):
        hidden = torch.zeros(2 ** 20) if self.device.type == "cpu" else None
        return super().search_step(batches)
"""),
        ("its estimate failed", """
    def search_step(self, batches):
        self.layer.weight.data_ptr() or 1 / 0
        return super().search_step(batches)
"""),
    ],
}  # fmt: skip
CASES = [(rule, words, body) for rule, cases in WRONG.items() for words, body in cases]

WRONG_OFFLINE = {
    "differs after adapt": """
class Mine(Learner):
    def adapt(self, task):
        adaptation = super().adapt(task)
        self.layer.load_state_dict(adaptation.parameters)
        return adaptation
""",
    "once it is the initial state of pretraining": """
class Mine(Learner):
    def build(self, context):
        Reference.build(self, context)
""",
}

LEAVES = {
    "a process that it had started was still running": "subprocess.Popen(['sleep', '60'])",
    "it left 'left.txt' in the working": "Path('left.txt').write_text('half')",
}


@pytest.mark.parametrize("rule", [rule.name for rule in RULES["method"]])
def test_a_sound_method_keeps_every_rule(judged: Judged, rule: str) -> None:
    """A linear classifier that does what it is told keeps each rule."""
    verdict = judged("method", rule, RIGHT)
    assert (verdict.status, verdict.came) == ("kept", "")


def test_a_pretrained_method_keeps_the_rule_of_its_state(judged: Judged) -> None:
    """One that is pretrained, and leaves its meta parameters alone while adapting, keeps it."""
    assert judged("method", "state-round-trips", PRETRAINED + "Mine = Learner").status == "kept"


@pytest.mark.parametrize(("rule", "words", "body"), CASES)
def test_a_wrong_method_breaks_its_rule(judged: Judged, rule: str, words: str, body: str) -> None:
    """A method that is wrong in one way is found out, and told what came and where to read."""
    verdict = judged("method", rule, f"{HEAD}class Mine(Reference):{body}")
    assert verdict.status == "broken", verdict
    assert words in verdict.came
    assert verdict.expected
    assert verdict.read == f"docs/plugins.md#{rule}"


@pytest.mark.parametrize(("words", "code"), WRONG_OFFLINE.items())
def test_a_wrong_pretraining_breaks_the_rule_of_the_state(
    judged: Judged, words: str, code: str
) -> None:
    """Meta parameters that move while a task is learned, or are not taken up again, are found."""
    verdict = judged("method", "state-round-trips", PRETRAINED + code)
    assert (verdict.status, words in verdict.came) == ("broken", True), verdict


@pytest.mark.parametrize(("words", "leaves"), LEAVES.items())
def test_what_an_ended_trial_leaves_is_found(
    judged: Judged, words: str, leaves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A helper that goes on, or a file that lies about, after the trial was killed is named."""
    monkeypatch.setattr("harness.conformance.repetition_rules.END_S", 0.5)
    body = f"    def build(self, context):\n        super().build(context)\n        {leaves}\n"
    verdict = judged("method", "interruption-is-clean", f"{HEAD}class Mine(Reference):\n{body}")
    assert (verdict.status, words in verdict.came) == ("broken", True), verdict


def test_a_slow_import_to_register_is_found(judged: Judged) -> None:
    """A plugin's module that imports a large package is not quick."""
    verdict = judged("method", "import-is-quick", RIGHT, plugin="import scipy\n")
    assert (verdict.status, verdict.came) == ("broken", "registering it imports scipy")


def test_every_rule_has_a_wrong_method() -> None:
    """No rule for methods goes without a plugin that breaks it."""
    proved = {*WRONG, "interruption-is-clean", "import-is-quick"}
    assert proved == {rule.name for rule in RULES["method"]}


def test_a_trial_that_hangs_is_not_decided(judged: Judged) -> None:
    """Where no search step is done in time to be interrupted, nothing is said of the method."""
    at_once = Conditions(thorough=False, slowness=0.01)
    verdict = judged("method", "interruption-is-clean", HANGS, conditions=at_once)
    assert verdict.status == "not decided"
    assert "its first search step had not finished" in verdict.came
