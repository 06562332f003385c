"""The rules as an author's own tests: what pytest is told, and that it costs others nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from harness.conformance.pytest_plugin import ContractRule
from harness.conformance.rule import Address, Conditions, Status, Verdict

RULE = ContractRule(Address("method", "mine", None, Path()), "no-query-labels")


def answer(monkeypatch: pytest.MonkeyPatch, status: Status, came: str) -> None:
    """Have every check end so."""
    verdict = Verdict("no-query-labels", status, "none is read", came, came, "page#anchor", 0.1)
    monkeypatch.setattr("harness.conformance.isolation.check_rule", lambda *_: verdict)
    monkeypatch.setattr("harness.conformance.isolation.conditions_here", Conditions)


def test_a_kept_rule_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is raised."""
    answer(monkeypatch, "kept", "")
    RULE.check()


def test_a_broken_rule_fails_in_four_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    """The failure has what was expected, what came and where to read, and no traceback."""
    answer(monkeypatch, "broken", "one was read")
    with pytest.raises(pytest.fail.Exception) as caught:
        RULE.check()
    assert str(caught.value).splitlines() == [
        "rule no-query-labels is broken",
        "expected: none is read",
        "came: one was read",
        "read: page#anchor",
    ]
    assert not caught.value.pytrace


def test_a_rule_that_does_not_apply_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason is the skip's."""
    answer(monkeypatch, "not applicable", "a full task has no episodes")
    with pytest.raises(pytest.skip.Exception, match="a full task has no episodes"):
        RULE.check()


@pytest.mark.parametrize(
    ("mark", "words"),
    [
        (
            '"mine", kind="suite"',
            "kind is 'suite'; it must be one of method, space, score, dataset, device",
        ),
        ("", "needs the mark harness_contract(name, kind=...)"),
    ],
)
def test_a_wrong_mark_is_said(
    tmp_path: Path, run_python: Callable[..., CompletedProcess[str]], mark: str, words: str
) -> None:
    """A kind that there is not, or no mark at all, is said by pytest in a sentence."""
    marked = f"@pytest.mark.harness_contract({mark})\n" if mark else ""
    test = tmp_path / "test_contract.py"
    test.write_text(f"import pytest\n{marked}def test_rule(contract_rule): contract_rule.check()\n")
    result = run_python("-m", "pytest", "-q", "--rootdir", str(tmp_path), str(test))
    assert result.returncode != 0
    assert words in result.stdout + result.stderr


def test_it_imports_nothing_until_it_is_used(
    run_python: Callable[..., CompletedProcess[str]],
) -> None:
    """Where the harness is installed, every run of pytest loads it, for next to nothing."""
    code = "import sys, harness.conformance.pytest_plugin; print(*sorted(sys.modules))"
    modules = run_python("-c", code).stdout.split()
    assert not {"torch", "numpy", "pydantic", "click"} & set(modules)
    assert [name for name in modules if name.startswith("harness")] == [
        "harness",
        "harness.conformance",
        "harness.conformance.pytest_plugin",
    ]
