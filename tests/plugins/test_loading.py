"""Plugins are loaded one by one, and a broken one is named and stops nothing else."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import PluginError
from harness.plugins.loading import STRICT_VARIABLE, Plugins, load_plugins

Install = Callable[[str, str], Path]

GOOD = """
from harness import hookimpl

@hookimpl
def harness_register_methods(register):
    register("NAME", "nowhere:Method", summary="a method")
"""

BROKEN = {
    "it cannot be imported: ModuleNotFoundError: No module named 'not_there'": "import not_there",
    "it cannot be imported: SyntaxError": "def",
    "it cannot be imported: SystemExit: 3": "raise SystemExit(3)",
    "it has a hook 'harness_register_method', which the harness does not call; did you mean "
    "'harness_register_methods'?": """
from harness import hookimpl

@hookimpl
def harness_register_method(register): ...
""",
    "it has a hook 'zzz', which the harness does not call; the hooks are "
    "'harness_doctor', 'harness_register_claims'": """
from harness import hookimpl

@hookimpl
def zzz(register): ...
""",
    "its function 'harness_register_methods' lacks the mark @harness.hookimpl": """
def harness_register_methods(register): ...
""",
    "it has a function 'harness_register_metods', which the harness does not call": """
def harness_register_metods(register): ...
""",
    "its hook 'harness_register_methods' asks for 'registry'; the arguments are 'register'": """
from harness import hookimpl

@hookimpl
def harness_register_methods(registry): ...
""",
    "its hook 'harness_register_methods' failed: ZeroDivisionError: division by zero": """
from harness import hookimpl

@hookimpl
def harness_register_methods(register):
    register("half-way", "nowhere:Method")
    1 / 0
""",
    "its hook 'harness_register_methods' failed: TypeError: register() got an unexpected": """
from harness import hookimpl

@hookimpl
def harness_register_methods(register):
    register("half-way", "nowhere:Method", colour="red")
""",
    "it registers a method as 'Big_Name'": """
from harness import hookimpl

@hookimpl
def harness_register_methods(register):
    register("Big_Name", "nowhere:Method")
""",
    "its hooks cannot be registered": """
from harness import hookimpl

@hookimpl(wrapper=True)
def harness_register_methods(register):
    return None
""",
}


def names(plugins: Plugins) -> list[str]:
    return plugins.registry.names("method")


@pytest.mark.parametrize(("reason", "source"), BROKEN.items(), ids=range(len(BROKEN)))
def test_broken_plugin_is_named_and_fully_unregistered(
    plugin_factory: Install, reason: str, source: str
) -> None:
    """Whatever is wrong with a plugin, it leaves one problem, no name, and no hook behind."""
    plugin_factory("a-broken", source)
    plugin_factory("z-good", GOOD.replace("NAME", "fine"))
    plugins = load_plugins()
    (problem,) = plugins.problems
    assert str(problem).startswith(f"plugin 'a-broken' (a-broken 1.0) is not used: {reason}")
    assert "\n" not in str(problem)
    assert "fine" in names(plugins)
    assert "half-way" not in names(plugins)
    assert not plugins.manager.has_plugin("a-broken")
    assert plugins.manager.has_plugin("z-good")
    assert "a-broken" not in [source.name for source in plugins.sources]


def test_strict_mode_makes_a_problem_an_error(
    plugin_factory: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With HARNESS_STRICT_PLUGINS=1 a broken plugin ends loading; with 0 it does not."""
    plugin_factory("broken", "import not_there")
    monkeypatch.setenv(STRICT_VARIABLE, "0")
    load_plugins()
    monkeypatch.setenv(STRICT_VARIABLE, "1")
    with pytest.raises(PluginError, match=r"plugin 'broken' \(broken 1.0\) is not used"):
        load_plugins()


def test_strict_mode_makes_a_name_claimed_twice_an_error(
    plugin_factory: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With HARNESS_STRICT_PLUGINS=1 two plugins that claim one name end loading."""
    plugin_factory("first", GOOD.replace("NAME", "same"))
    plugin_factory("second", GOOD.replace("NAME", "same"))
    monkeypatch.setenv(STRICT_VARIABLE, "1")
    with pytest.raises(PluginError, match="'same' is claimed by plugin 'first'"):
        load_plugins()


def test_entry_knows_where_it_comes_from(plugin_factory: Install) -> None:
    """A registered name carries its plugin, its distribution and the version."""
    plugin_factory("my-plugin", GOOD.replace("NAME", "mine"))
    entry = load_plugins().registry.get("method", "mine")
    assert (entry.plugin.name, entry.distribution, entry.version) == (
        "my-plugin",
        "my-plugin",
        "1.0",
    )


def test_second_plugin_of_one_entry_point_name_is_a_problem(plugin_factory: Install) -> None:
    """Two distributions that call their plugin the same: the first in order is used."""
    plugin_factory("twin", GOOD.replace("NAME", "one"))
    folder = plugin_factory("other", GOOD.replace("NAME", "two"))
    (folder / "other-1.0.dist-info" / "entry_points.txt").write_text("[harness]\ntwin = other\n")
    plugins = load_plugins()
    (problem,) = plugins.problems
    assert (problem.plugin.distribution, problem.reason) == (
        "twin",
        "another plugin has the same name",
    )
    assert {"two"} == {"one", "two"} & set(names(plugins))


def test_module_loaded_under_two_names_is_a_problem(plugin_factory: Install) -> None:
    """A module that two entry points name is loaded once."""
    folder = plugin_factory("single", GOOD.replace("NAME", "one"))
    text = "[harness]\nsingle = single\nsingle-again = single\n"
    (folder / "single-1.0.dist-info" / "entry_points.txt").write_text(text)
    plugins = load_plugins()
    (problem,) = plugins.problems
    assert problem.reason == "'single' is already loaded as another plugin"


def test_plugin_without_hooks_is_fine(plugin_factory: Install) -> None:
    """An empty module is a plugin that registers nothing, not a broken one."""
    plugin_factory("empty", "")
    plugins = load_plugins()
    assert not plugins.problems
    assert "empty" in [source.name for source in plugins.sources]


def test_hook_of_another_program_may_be_optional(plugin_factory: Install) -> None:
    """A hook marked `optionalhook` is the plugin's declared wish, not a spelling mistake."""
    source = "from harness import hookimpl\n@hookimpl(optionalhook=True)\ndef elsewhere(): ...\n"
    plugin_factory("optional", source)
    assert not load_plugins().problems


def test_what_a_plugin_prints_stays_off_standard_output(
    plugin_factory: Install, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plugin that prints while it is loaded cannot spoil the JSON on standard output."""
    plugin_factory("chatty", "print('hello')\n" + GOOD.lower() + "    print('again')\n")
    load_plugins()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "hello\nagain\n"


@pytest.mark.parametrize("metadata", ["", "Summary: no more than this\n"])
def test_distribution_without_metadata_is_still_loaded(
    plugin_factory: Install, metadata: str
) -> None:
    """A distribution whose METADATA says nothing gives its plugin an unknown version."""
    folder = plugin_factory("bare", GOOD.replace("NAME", "one"))
    (folder / "bare-1.0.dist-info" / "METADATA").write_text(metadata)
    entry = load_plugins().registry.get("method", "one")
    assert (entry.distribution, entry.version) == ("unknown distribution", "unknown version")


def test_built_in_plugins_load_without_problems() -> None:
    """The plugins of this distribution come in through entry points, and none has a fault."""
    plugins = load_plugins()
    own = {source.name for source in plugins.sources if source.distribution == "onnas-harness"}
    assert own >= {"onnas", "baselines", "datasets", "devices"}
    assert not [each for each in plugins.problems if each.plugin.distribution == "onnas-harness"]
