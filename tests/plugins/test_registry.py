"""The registry gives each name to one plugin, and holds plugins to the rules for names."""

from __future__ import annotations

from typing import Any

import pytest

from harness.errors import PluginError, UnknownNameError
from harness.plugins.registry import Collector, Entry, Kind, PluginSource, Registry

FIRST = PluginSource("first", "first-dist", "1.0")
SECOND = PluginSource("second", "second-dist", "2.0")


def entry(name: str, plugin: PluginSource = FIRST, kind: Kind = "method") -> Entry:
    return Entry(kind, name, "module:Class", None, "", plugin)


def test_unknown_name_suggests_the_nearest() -> None:
    """A misspelt name is answered with the nearest one and the list of all."""
    registry = Registry([entry("onnas"), entry("darts"), entry("dart-board", kind="dataset")])
    with pytest.raises(UnknownNameError, match=r"unknown method 'dart'; did you mean 'darts'\?"):
        registry.get("method", "dart")


def test_name_of_two_plugins_is_an_error_that_names_both() -> None:
    """A name that two plugins claim belongs to neither, and other names go on working."""
    registry = Registry([entry("same"), entry("same", SECOND), entry("other")])
    with pytest.raises(PluginError, match=r"claimed by plugin 'first' .* and by plugin 'second'"):
        registry.get("method", "same")
    assert registry.get("method", "other") == entry("other")
    assert [each.name for each in registry.entries("method")] == ["other"]
    assert registry.names("method") == ["other", "same"]
    assert [each.plugins for each in registry.conflicts()] == [(FIRST, SECOND)]


def test_one_name_in_two_kinds_is_no_conflict() -> None:
    """A method and a dataset may share a name."""
    registry = Registry([entry("same"), entry("same", SECOND, kind="dataset")])
    assert not registry.conflicts()
    assert registry.get("dataset", "same").plugin == SECOND


@pytest.mark.parametrize("name", ["", "A", "1a", "a_b", "a-", "-a", "a--b", "a b", "é", "all", 3])
def test_bad_name_is_refused(name: Any) -> None:
    """Only lower-case letters, digits and single hyphens, a letter first, make a name."""
    with pytest.raises(PluginError, match="it registers a method as"):
        Collector(FIRST).register_for("method")(name, "module:Class")


@pytest.mark.parametrize("name", ["a", "pc-darts", "cifar10", "a1-b2"])
def test_good_name_is_taken(name: str) -> None:
    """Names of the form that is documented are registered."""
    collector = Collector(FIRST)
    collector.register_for("method")(name, "package.module:Class", parameters="m:P", summary="x")
    assert collector.entries == [Entry("method", name, "package.module:Class", "m:P", "x", FIRST)]


@pytest.mark.parametrize("target", ["module", "module:", ":x", "a/b:c", "a.:c", "a:b c", None])
def test_bad_target_is_refused(target: Any) -> None:
    """A target is `module:attribute`."""
    with pytest.raises(PluginError, match="it must be 'module:attribute'"):
        Collector(FIRST).register_for("method")("name", target)
    if target is not None:
        with pytest.raises(PluginError, match="they must be 'module:attribute'"):
            Collector(FIRST).register_for("method")("name", "a:B", parameters=target)


@pytest.mark.parametrize("target", ["suites:../table2.toml", "suites:/x.toml", "suites:x.py"])
def test_suite_is_a_toml_file_inside_its_package(target: str) -> None:
    """A suite's target cannot leave the package that it names."""
    with pytest.raises(PluginError, match=r"it must be 'module:file.toml'"):
        Collector(FIRST).register_for("suite")("name", target)


def test_suite_takes_no_parameters() -> None:
    """A parameters model on a suite is a mistake that is said."""
    with pytest.raises(PluginError, match="what a TOML file describes takes no parameters"):
        Collector(FIRST).register_for("suite")("name", "suites:x.toml", parameters="m:P")


def test_summary_is_one_line() -> None:
    """A summary with line breaks or control characters would spoil every list."""
    with pytest.raises(PluginError, match="must be one line of text"):
        Collector(FIRST).register_for("method")("name", "m:C", summary="two\nlines")


def test_plugin_cannot_claim_a_name_twice() -> None:
    """A plugin that registers one name twice is told so."""
    register = Collector(FIRST).register_for("method")
    register("name", "m:C")
    with pytest.raises(PluginError, match="it registers the method 'name' twice"):
        register("name", "m:D")
