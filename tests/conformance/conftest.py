"""Installs plugins made for the purpose, and judges one rule at a time in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.conformance.judging import judge, rule_named
from harness.conformance.rule import Address, Conditions, Subject, Verdict
from harness.plugins.registry import Kind

Install = Callable[[str, str], Path]


@pytest.fixture
def judged(tmp_path: Path, plugin_factory: Install) -> Callable[..., Verdict]:
    """Return `judged(kind, rule, code, plugin="", conditions=None)`: what is said of `Mine`.

    `code` defines that class in a module of its own; `plugin` is put before the registration.
    """

    def judged(
        kind: Kind, rule: str, code: str, plugin: str = "", conditions: Conditions | None = None
    ) -> Verdict:
        folder = plugin_factory("mine", plugin + REGISTRATION.replace("KIND", kind))
        (folder / "mine_code.py").write_text(code, encoding="utf-8")
        address = Address(kind, "mine", None, tmp_path / "cache")
        return judge(rule_named(address, rule), Subject.at(address, conditions))

    return judged


REGISTRATION = """
from harness import hookimpl

@hookimpl
def harness_register_KINDs(register):
    register("mine", "mine_code:Mine")
"""
