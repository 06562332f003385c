"""A plugin's fault takes out its own method; a person's mistake is said before anything runs."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import PluginError, UnknownNameError, UsageError
from harness.planning.run_directory import Origin, RunFolder
from harness.plugins.loading import load_plugins
from harness.plugins.selection import select_usable

Install = Callable[[str, str], Path]

GOOD = """
from harness import hookimpl

@hookimpl
def harness_register_methods(register):
    register("NAME", "nowhere:Method"PARAMETERS)
"""


@pytest.fixture(autouse=True)
def plugins(plugin_factory: Install) -> None:
    """Install a good plugin, one that cannot be imported, and two that claim one name."""
    plugin_factory("good", GOOD.replace("NAME", "good").replace("PARAMETERS", ""))
    plugin_factory("broken", "import not_there")
    for name in ("rival", "shop"):
        plugin_factory(name, GOOD.replace("NAME", "contested").replace("PARAMETERS", ""))
    unfit = GOOD.replace("NAME", "unfit").replace("PARAMETERS", ', parameters="nowhere:Model"')
    plugin_factory("unfit", unfit)


def test_what_plugins_have_wrong_is_passed_over() -> None:
    """A plugin that fails, a contested name and a missing parameters model leave the others."""
    texts = ["broken", "contested", "unfit", "good"]
    selections, passed_over, _ = select_usable(load_plugins(), texts)
    assert [each.name for each in selections] == ["good"]
    assert list(passed_over) == texts[:3]
    assert (
        "plugin 'broken' (broken 1.0) is not used: it cannot be imported" in passed_over["broken"]
    )
    assert "claimed by plugin 'rival'" in passed_over["contested"]
    assert "cannot be imported: ModuleNotFoundError" in passed_over["unfit"]


def test_all_passes_over_contested_names() -> None:
    """`all` is every method that can be used; a name claimed twice is told apart."""
    selections, passed_over, _ = select_usable(load_plugins(), ["all"])
    assert {"good", "random"} <= {each.name for each in selections}
    assert {"contested", "unfit"} >= set(passed_over) >= {"contested"}


@pytest.mark.parametrize(
    ("text", "error"),
    [("goood", UnknownNameError), ("good[q=1]", UnknownNameError), ("good[", UsageError)],
)
def test_a_mistake_of_the_person_is_an_error(text: str, error: type[Exception]) -> None:
    """A name that no plugin has, or a parameter that there is not, is no plugin's fault."""
    with pytest.raises(error):
        select_usable(load_plugins(), [text, "good"])


def test_nothing_left_is_an_error() -> None:
    """Without a method that can be run there is no run."""
    with pytest.raises(PluginError, match="'not_there'"):
        select_usable(load_plugins(), ["broken"])


def test_a_plan_remembers_who_was_passed_over(tmp_path: Path) -> None:
    """The plan has the reason until a later run says another, or has trials of that method."""
    folder = RunFolder(tmp_path / "run")
    with folder.locked():
        folder.add_to_plan([], Origin(passed_over={"broken": "it cannot be imported"}))
        folder.add_to_plan([], Origin(passed_over={"contested": "two claim it"}))
    plan = json.loads((folder.path / "plan.json").read_text(encoding="utf-8"))
    assert plan["passed_over"] == {"broken": "it cannot be imported", "contested": "two claim it"}
