"""`list`, `show` and `plugins list`: text for people, JSON for programs, warnings apart."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from harness.experiment.budget import NAMED_BUDGETS

Call = Callable[..., Result]
Install = Callable[[str, str], Path]

PLUGIN = """
from harness import hookimpl

@hookimpl
def harness_register_methods(register):
    register("NAME", "shop_code:Method", parameters="shop_code:Parameters", summary="my method")

@hookimpl
def harness_register_suites(register):
    register("NAME-suite", "shop_suites:mine.toml", summary="my suite")
"""

CODE = """
from pydantic import BaseModel, Field

class Parameters(BaseModel):
    path: str = Field(description="where")
    q: int = Field(2, ge=1, description="how many")
    explore: bool = False
"""


@pytest.fixture
def shop(plugin_factory: Install) -> None:
    folder = plugin_factory("shop", PLUGIN.replace("NAME", "mine"))
    (folder / "shop_code.py").write_text(CODE)
    (folder / "shop_suites").mkdir()
    (folder / "shop_suites" / "__init__.py").write_text("")
    (folder / "shop_suites" / "mine.toml").write_text('title = "Mine"\n')


@pytest.mark.usefixtures("shop")
def test_list_is_an_aligned_table(call: Call) -> None:
    """Each name has its summary and its plugin, in columns."""
    result = call("list", "methods")
    assert (result.exit_code, result.stderr) == (0, "")
    heading, *rows = result.stdout.splitlines()
    assert heading.split() == ["name", "summary", "plugin"]
    (row,) = [row for row in rows if row.startswith("mine ")]
    assert row.index("my method") == heading.index("summary")
    assert row.index("shop") == heading.index("plugin")


@pytest.mark.usefixtures("shop")
def test_list_gives_json(call: Call) -> None:
    """With --json standard output is JSON and nothing else."""
    rows = json.loads(call("list", "methods", "--json").stdout)
    assert {
        "name": "mine",
        "summary": "my method",
        "plugin": "shop",
        "distribution": "shop",
        "version": "1.0",
    } in rows


@pytest.mark.parametrize("what", ["methods", "datasets", "devices", "suites", "budgets"])
def test_everything_can_be_listed(call: Call, what: str) -> None:
    """Every kind has a list, as text and as JSON, even where there is nothing to list."""
    assert call("list", what).exit_code == 0
    assert isinstance(json.loads(call("list", what, "--json").stdout), list)


def test_budgets_are_listed_with_their_keys(call: Call) -> None:
    """A budget's row has all that it allows."""
    rows = json.loads(call("list", "budgets", "--json").stdout)
    assert rows == [{"name": name, **budget.model_dump()} for name, budget in NAMED_BUDGETS.items()]
    assert "search_steps" in call("list", "budgets").stdout


def test_broken_plugin_is_a_warning_apart_from_the_result(
    call: Call, plugin_factory: Install
) -> None:
    """A plugin that cannot be used is one line on standard error, and the list is there."""
    plugin_factory("broken", "import not_there")
    result = call("list", "devices", "--json")
    assert result.exit_code == 0
    assert "jetson" in [row["name"] for row in json.loads(result.stdout)]
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: plugin 'broken' (broken 1.0) is not used: ")


def test_strict_mode_ends_a_command(
    call: Call, plugin_factory: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With HARNESS_STRICT_PLUGINS=1 a broken plugin is an error of the command."""
    plugin_factory("broken", "import not_there")
    monkeypatch.setenv("HARNESS_STRICT_PLUGINS", "1")
    result = call("list", "devices")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: plugin 'broken' (broken 1.0) is not used: ")


@pytest.mark.usefixtures("shop")
def test_show_lists_parameters(call: Call) -> None:
    """A method is shown with each parameter's default, type and description."""
    lines = call("show", "mine").stdout.splitlines()
    assert lines[:3] == ["method mine", "  my method", "  plugin shop, of shop 1.0"]
    assert [line.split() for line in lines[-3:]] == [
        ["path", "(required)", "text", "where"],
        ["q", "2", "an", "integer", ">=", "1", "how", "many"],
        ["explore", "false", "true", "or", "false"],
    ]
    (description,) = json.loads(call("show", "mine", "--json").stdout)
    assert description["parameters"][1] == {
        "name": "q",
        "takes": "an integer >= 1",
        "default": 2,
        "required": False,
        "description": "how many",
    }


@pytest.mark.usefixtures("shop")
def test_show_prints_a_suite(call: Call) -> None:
    """A suite is shown as it is written."""
    assert call("show", "mine-suite").stdout.endswith('\ntitle = "Mine"\n')
    (description,) = json.loads(call("show", "mine-suite", "--json").stdout)
    assert description["text"] == 'title = "Mine"\n'


def test_show_prints_a_device_with_its_sources(call: Call) -> None:
    """A device is shown with each number of its profile and where that comes from."""
    text = call("show", "jetson").stdout
    assert "emulated on this machine" in text
    assert "671,088,640 bytes = 640 MiB" in text
    (description,) = json.loads(call("show", "jetson", "--json").stdout)
    assert description["memory_limit_bytes"] == 640 * 2**20
    for source in description["profile"]["sources"].values():
        assert source in text
    assert "none is modelled" in call("show", "cpu").stdout


def test_show_prints_a_budget(call: Call) -> None:
    """A budget is shown with the value and the meaning of each key."""
    text = call("show", "quick").stdout
    assert "budget quick" in text
    assert "few-shot tasks a seed" in text
    descriptions = json.loads(call("show", "quick", "--json").stdout)
    (description,) = [each for each in descriptions if each["kind"] == "budget"]
    values = {key["name"]: key["value"] for key in description["keys"]}
    assert values == dict(NAMED_BUDGETS["quick"])


def test_show_suggests_the_nearest_name(call: Call) -> None:
    """A misspelt name of any kind is wrong usage, and the nearest is named."""
    result = call("show", "jetsn")
    assert result.exit_code == 2
    assert result.stderr.startswith("Error: unknown name 'jetsn'; did you mean 'jetson'?")


@pytest.mark.usefixtures("shop")
def test_plugins_list_shows_who_registers_what(call: Call, plugin_factory: Install) -> None:
    """Plugins that are used show their names, those that are not their fault."""
    plugin_factory("broken", "import not_there")
    result = call("plugins", "list")
    assert (result.exit_code, result.stderr) == (0, "")
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line}
    assert rows["shop"].endswith("method mine; suite mine-suite")
    assert "not used: it cannot be imported: ModuleNotFoundError" in rows["broken"]
    listed = json.loads(call("plugins", "list", "--json").stdout)["plugins"]
    by_name = {row["plugin"]: row for row in listed}
    assert by_name["shop"]["methods"] == ["mine"]
    assert by_name["shop"]["problem"] is None
    assert "not_there" in by_name["broken"]["problem"]


@pytest.mark.usefixtures("shop")
def test_plugins_list_shows_names_claimed_twice(call: Call, plugin_factory: Install) -> None:
    """Two plugins with one name are both listed, together with the conflict."""
    plugin_factory("rival", PLUGIN.replace("NAME", "mine").replace("mine-suite", "other"))
    conflict = "the method 'mine' is claimed by plugin 'rival' (rival 1.0) and by plugin 'shop'"
    assert f"conflict: {conflict}" in call("plugins", "list").stdout
    assert f"Warning: {conflict}" in call("list", "methods").stderr
    listed = json.loads(call("plugins", "list", "--json").stdout)
    assert listed["conflicts"][0].startswith(conflict)
    result = call("show", "mine")
    assert result.exit_code == 2
    assert conflict in result.stderr
