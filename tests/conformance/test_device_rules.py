"""Each rule for devices catches one that breaks it, and passes one that does not."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from harness.conformance.judging import RULES
from harness.conformance.rule import Verdict

Judged = Callable[..., Verdict]

RIGHT = """
from harness.devices.profile import DeviceProfile, MemoryProfile

MEMORY = {"total_bytes": 2 ** 31, "system_bytes": 2 ** 30, "reserved_bytes": 0}

def described(name="mine", kind=DeviceProfile):
    sources = {f"memory.{key}": "made up" for key in MEMORY}
    return kind(name=name, model="mine", kind="cpu", memory=MEMORY, sources=sources)

class Unlimited(DeviceProfile):
    @property
    def memory_limit_bytes(self): return None

class Mine:
    profile = described()
    def mode(self): return "emulated"
    def torch_device(self): return "cpu"

Right = Mine
"""

WRONG = {
    "profile-is-true": [
        ("registered as 'mine', and its profile is 'other'", 'profile = described("other")'),
        ("its profile is a dict", 'profile = {"name": "mine"}'),
        ("it said ['simulated']", 'def mode(self): return "simulated"'),
    ],
    "readings-are-plausible": [
        ("torch cannot compute on 'cuda:63'", 'def torch_device(self): return "cuda:63"'),
    ],
    "limit-is-enforced": [
        ("its limit is None bytes", "profile = described(kind=Unlimited)"),
    ],
}
CASES = [(rule, words, body) for rule, cases in WRONG.items() for words, body in cases]


@pytest.mark.parametrize("rule", [rule.name for rule in RULES["device"]])
def test_a_sound_device_keeps_every_rule(judged: Judged, rule: str) -> None:
    """A device with a limit that this machine stands in for keeps each rule."""
    verdict = judged("device", rule, RIGHT)
    assert (verdict.status, verdict.came) == ("kept", "")


@pytest.mark.parametrize(("rule", "words", "body"), CASES)
def test_a_wrong_device_breaks_its_rule(judged: Judged, rule: str, words: str, body: str) -> None:
    """A device that is wrong in one way is found out, and told what came and where to read."""
    verdict = judged("device", rule, f"{RIGHT}\nclass Mine(Right):\n    {body}\n")
    assert (verdict.status, words in verdict.came) == ("broken", True), verdict
    assert verdict.read == f"docs/plugins.md#{rule}"


def test_a_reading_that_no_machine_has_is_found(
    judged: Judged, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million joules for a linear classifier are not plausible."""
    energy = "harness.trials.readings.TrialReadings"
    monkeypatch.setattr(f"{energy}.energy_j", lambda self, task: 1e6)
    monkeypatch.setattr(f"{energy}.reads_energy", True)
    verdict = judged("device", "readings-are-plausible", RIGHT.replace('"emulated"', '"measured"'))
    assert (verdict.status, "1e+06 J in" in verdict.came) == ("broken", True), verdict


def test_every_rule_has_a_wrong_device() -> None:
    """No rule for devices goes without a plugin that breaks it."""
    assert {*WRONG, "import-is-quick"} == {rule.name for rule in RULES["device"]}
