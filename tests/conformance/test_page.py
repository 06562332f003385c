"""The page of rules and the rules themselves say the same names."""

from __future__ import annotations

import re
from pathlib import Path

from harness.conformance.judging import RULES

ROOT = Path(__file__).parents[2]


def test_every_rule_has_its_paragraph() -> None:
    """Where a rule says to read there is a heading of its name, and no other heading is there."""
    rules = {rule for each in RULES.values() for rule in each}
    for rule in rules:
        page, _, anchor = rule.read.partition("#")
        headings = re.findall(r"^### (.+)$", (ROOT / page).read_text(encoding="utf-8"), re.M)
        assert anchor in headings
        assert set(headings) == {each.name for each in rules}
