"""`harness plugins check`: verdicts as they come, JSON, exit status, and plugins that misbehave."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli
from harness.conformance import isolation

Install = Callable[[str, str], Path]

PLUGIN = """
from harness import hookimpl

@hookimpl
def harness_register_methods(register):
    for name in ("sound", "dies", "hangs", "raises", "later"):
        register(name, f"shop_code:{name.capitalize()}")
"""

CODE = """
import os, time
from harness.conformance.device_rules import Reference

print("what a plugin prints is no result")

class Sound(Reference): pass

class Dies(Reference):
    def search_step(self, batches): os._exit(7)

class Hangs(Reference):
    def search_step(self, batches): time.sleep(600)

class Raises(Reference):
    def search_step(self, batches): raise ValueError("two and two are five")

class Later(Reference):
    steps = 0

    def search_step(self, batches):
        self.steps += 1
        return {**super().search_step(batches), "accuracy": 50.0 * self.steps}
"""


@pytest.fixture(autouse=True)
def shop(plugin_factory: Install, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install a plugin with one sound method and two that end a check in other ways."""
    (plugin_factory("shop", PLUGIN) / "shop_code.py").write_text(CODE)
    monkeypatch.setattr(isolation, "_slowness", lambda: 2.0)  # of a busy machine
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


def check(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["plugins", "check", *arguments])


def choose(monkeypatch: pytest.MonkeyPatch, *names: str, **changes: float) -> None:
    """Check these rules only; all of them are checked elsewhere."""
    rules = isolation._rules("method")
    chosen = {name: {**rules[name], **changes} for name in names}
    monkeypatch.setattr(isolation, "_rules", lambda _: chosen)


def test_a_sound_method_exits_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first line tells of conditions, each rule is a line, and the last one counts them."""
    choose(monkeypatch, "metrics-are-numbers", "no-query-labels")
    result = check("sound")
    assert result.exit_code == 0, result.output
    conditions, head, *lines, summary = result.stdout.splitlines()
    assert conditions.startswith("quick, and --thorough checks more; limits of time are 2.0 times")
    assert head == "method sound"
    assert [line.split() for line in lines] == [
        ["kept", "metrics-are-numbers"], ["kept", "no-query-labels"]
    ]  # fmt: skip
    assert summary == "2 rules: 2 kept"


def test_a_crash_is_a_broken_rule(monkeypatch: pytest.MonkeyPatch) -> None:
    """A method that ends its process breaks a rule, and not the check."""
    choose(monkeypatch, "metrics-are-numbers")
    result = check("dies", "--json")
    assert result.exit_code == 1
    (subject,) = json.loads(result.stdout)
    (rule,) = subject["rules"]
    assert rule["came"] == "the process of the check ended with exit status 7"


def test_a_hang_is_not_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that takes too long accuses no one, but is no success; the cause is told once."""
    choose(monkeypatch, "metrics-are-numbers", "no-query-labels", limit_s=5.0)
    result = check("hangs")
    assert result.exit_code == 1
    # A quick check has a fifth of the time, and on a machine that is half as fast twice that.
    assert result.stdout.count("the check had not finished after 2 s") == 1
    assert "broken" not in result.stdout
    assert result.stdout.splitlines()[-1] == "2 rules: 2 not decided"


def test_one_cause_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What breaks a second rule for the same reason refers to the first, whatever its words."""
    rules = ["metrics-are-numbers", "budget-is-respected", "interruption-is-clean"]
    choose(monkeypatch, *rules)
    result = check("raises")
    assert result.stdout.count("ValueError: two and two are five") == 1
    assert result.stdout.count("for the same reason as metrics-are-numbers") == 2
    assert result.stdout.splitlines()[-1] == "3 rules: 3 broken"


def test_later_steps_are_checked_thoroughly(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong at the third search step is found with --thorough alone."""
    choose(monkeypatch, "metrics-are-numbers")
    assert check("later").exit_code == 0
    thorough = check("later", "--thorough", "--json")
    assert thorough.exit_code == 1
    (subject,) = json.loads(thorough.stdout)
    assert (subject["thorough"], subject["slowness"]) == (True, 2.0)
    assert subject["rules"][0]["came"] == "the accuracy was 150.0 at task 1, search step 3"


def test_speed_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine is at least as slow as the one that limits were set on: none has less time."""
    monkeypatch.undo()
    isolation._slowness.cache_clear()
    assert isolation.conditions_here().slowness >= 1.0


def test_rules_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """With --rule that one alone is checked; one that there is not is wrong usage."""
    choose(monkeypatch, "metrics-are-numbers", "no-query-labels")
    result = check("sound", "--rule", "no-query-labels")
    assert result.stdout.splitlines()[-1] == "1 rules: 1 kept"
    wrong = check("sound", "--rule", "no-query-label")
    assert wrong.exit_code == 2
    assert "unknown rule 'no-query-label'; did you mean 'no-query-labels'?" in wrong.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["sounds"], "unknown name 'sounds'; did you mean 'sound'?"),
        (["sound[q=1]"], "unknown parameter 'q'"),
        (["shop[q=1]"], "a plugin takes no parameters"),
        (["broken"], "plugin 'broken' (broken 1.0) is not used: it cannot be imported"),
    ],
)
def test_wrong_usage_exits_with_2(
    arguments: list[str], words: str, plugin_factory: Install
) -> None:
    """A name that nothing has, or that of a plugin that cannot be used, is said in a sentence."""
    plugin_factory("broken", "import not_there")
    result = check(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert result.stdout == ""


def test_images_that_are_missing_are_no_broken_rule(tmp_path: Path) -> None:
    """A data set whose images are not there cannot be judged; the sentence says what is missing."""
    result = check(f"folder[path={tmp_path / 'nowhere'}]")
    assert result.exit_code == 2
    assert "does not exist" in result.stderr
