"""A pytest plugin for authors of plugins: one test for each rule of the harness.

    @pytest.mark.harness_contract("my-method", kind="method")
    def test_rule(contract_rule):
        contract_rule.check()

It is loaded wherever the harness is installed, so it imports nothing until such a test is there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.conformance.rule import Address

__all__ = ["ContractRule", "contract_rule", "pytest_configure", "pytest_generate_tests"]

MARK = "harness_contract"
FIXTURE = "contract_rule"


@dataclass(frozen=True)
class ContractRule:
    """One rule for one method, data set or device.

    Attributes:
        address: of the method, data set or device.
        name: of the rule.
    """

    address: Address
    name: str

    def check(self) -> None:
        """Check the rule thoroughly; fail the test with a few readable lines, or skip it."""
        from harness.conformance.isolation import (  # noqa: PLC0415 - see the module
            check_rule,
            conditions_here,
        )

        verdict = check_rule(self.address, self.name, conditions_here())
        if verdict.status == "not applicable":
            pytest.skip(verdict.came)
        if verdict.status in {"broken", "not decided"}:
            lines = (f"{what}: {getattr(verdict, what)}" for what in ("expected", "came", "read"))
            pytest.fail(
                "\n".join([f"rule {verdict.rule} is {verdict.status}", *lines]), pytrace=False
            )


def pytest_configure(config: pytest.Config) -> None:
    """Register the mark."""
    config.addinivalue_line(
        "markers", f"{MARK}(name, kind): one test for each rule that the harness has for a kind"
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Parametrize a marked test that uses `contract_rule` with each rule."""
    marker = metafunc.definition.get_closest_marker(MARK)
    if marker is None or FIXTURE not in metafunc.fixturenames:
        return
    from harness.conformance.isolation import rule_names  # noqa: PLC0415 - see the module

    address = _address(*marker.args, **marker.kwargs)
    names = rule_names(address.kind)
    rules = [ContractRule(address, name) for name in names]
    metafunc.parametrize(FIXTURE, rules, ids=names, indirect=True)


@pytest.fixture
def contract_rule(request: pytest.FixtureRequest) -> ContractRule:
    """Return a rule of the harness, whose `check()` fails the test where it is broken."""
    if not hasattr(request, "param"):
        pytest.fail(f"a test that uses {FIXTURE} needs the mark {MARK}(name, kind=...)")
    rule: ContractRule = request.param
    return rule


def _address(name: str, *, kind: str) -> Address:
    """Return the address with the commands' folders: from the environment, or the user's cache."""
    from harness.conformance.rule import CHECKED, Address  # noqa: PLC0415 - see the module
    from harness.system.folders import expanded, user_cache  # noqa: PLC0415 - see the module

    if kind not in CHECKED:
        raise pytest.UsageError(f"{MARK}: kind is {kind!r}; it must be one of {', '.join(CHECKED)}")
    named = os.environ.get("HARNESS_DATA")
    data_root = expanded(Path(named)) if named else None
    cache_root = expanded(Path(os.environ.get("HARNESS_CACHE") or user_cache())).absolute()
    return Address(kind, name, data_root, cache_root)
