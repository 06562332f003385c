"""A name with parameters becomes a selection that can be created, or one clear sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import PluginError, UnknownNameError, UsageError
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.registry import Kind
from harness.plugins.selection import Selection, recreate, select
from harness.plugins.targets import file_path

Install = Callable[[str, str], Path]

REGISTRATION = """
from harness import hookimpl

@hookimpl
def harness_register_methods(register):
    register("tuned", "shop_code:Tuned", parameters="shop_code:Parameters")
    register("plain", "shop_code:Plain")
    register("vanished", "shop_code:Vanished")
    register("lost", "no_such_module:Lost")
    register("number", "shop_code:NUMBER")

@hookimpl
def harness_register_datasets(register):
    register("images", "shop_code:Tuned", parameters="shop_code:Needy")

@hookimpl
def harness_register_devices(register):
    register("unmodelled", "shop_code:Plain", parameters="shop_code:Plain")
    register("opaque", "shop_code:Plain", parameters="shop_code:Opaque")

@hookimpl
def harness_register_suites(register):
    register("there", "shop_suites:there.toml")
    register("gone", "shop_suites:gone.toml")
"""

CODE = """
from pathlib import Path
from typing import Callable, Literal
from pydantic import BaseModel, Field, field_validator

NUMBER = 3

class Parameters(BaseModel, frozen=True):
    q: int = Field(2, ge=1, le=7, description="operations on each edge")
    g: int | Literal["all"] = "all"
    order: Literal[1, 2] = 1
    rate: float | None = Field(0.2, gt=0)
    explore: bool = True
    phase: Literal["stored", "repeated"] = "stored"
    odd: int = 1

    @field_validator("odd")
    @classmethod
    def _odd(cls, value):
        if value % 2 == 0:
            raise ValueError("an odd number is needed")
        return value

class Needy(BaseModel):
    path: Path
    size: int = 84

class Opaque(BaseModel):
    function: Callable[[int], int] = abs

class Tuned:
    def __init__(self, parameters):
        self.parameters = parameters

class Plain:
    pass
"""


@pytest.fixture
def plugins(plugin_factory: Install) -> Plugins:
    folder = plugin_factory("shop", REGISTRATION)
    (folder / "shop_code.py").write_text(CODE)
    (folder / "shop_suites").mkdir()
    (folder / "shop_suites" / "__init__.py").write_text("")
    (folder / "shop_suites" / "there.toml").write_text('title = "x"\n')
    return load_plugins()


def one(plugins: Plugins, text: str, kind: Kind = "method") -> Selection:
    (selection,) = select(plugins, kind, text)
    return selection


def test_defaults_are_resolved(plugins: Plugins) -> None:
    """`params` has every parameter with its value; the label has the name alone."""
    selection = one(plugins, "tuned")
    assert selection.params == {
        "q": 2,
        "g": "all",
        "order": 1,
        "rate": 0.2,
        "explore": True,
        "phase": "stored",
        "odd": 1,
    }
    assert selection.label == "tuned"
    assert selection.create().parameters == selection.parameters


@pytest.mark.parametrize(
    ("text", "key", "value", "label"),
    [
        ("tuned[q=7]", "q", 7, "tuned[q=7]"),
        ("tuned[q=2]", "q", 2, "tuned"),
        ("tuned[g=3]", "g", 3, "tuned[g=3]"),
        ("tuned[g=all]", "g", "all", "tuned"),
        ("tuned[order=2]", "order", 2, "tuned[order=2]"),
        ("tuned[rate=1e-3]", "rate", 0.001, "tuned[rate=0.001]"),
        ("tuned[rate=none]", "rate", None, "tuned[rate=none]"),
        ("tuned[explore=no]", "explore", False, "tuned[explore=false]"),
        ("tuned[phase='repeated']", "phase", "repeated", "tuned[phase=repeated]"),
    ],
)
def test_text_becomes_a_typed_value(
    plugins: Plugins, text: str, key: str, value: object, label: str
) -> None:
    """Values are read as their parameter's type, and the label says what is not the default."""
    selection = one(plugins, text)
    assert selection.params[key] == value
    assert selection.label == label
    assert one(plugins, label) == selection


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("tuned[q=8]", "'q' is '8'; it must be an integer >= 1 and <= 7"),
        ("tuned[q=x]", "'q' is 'x'; it must be an integer >= 1 and <= 7"),
        ("tuned[q=1.5]", "'q' is '1.5'; it must be an integer"),
        ("tuned[g=some]", "'g' is 'some'; it must be an integer or all"),
        ("tuned[order=3]", "'order' is '3'; it must be one of 1, 2"),
        ("tuned[rate=0]", "'rate' is '0'; it must be a number > 0 or none"),
        ("tuned[rate=inf]", "'rate' is inf; it must be a finite number"),
        ("tuned[rate=nan]", "'rate' is 'nan'; it must be a number > 0 or none"),
        ("tuned[explore=maybe]", "'explore' is 'maybe'; it must be true or false"),
        ("tuned[phase=x]", "'phase' is 'x'; it must be one of stored, repeated"),
        ("tuned[odd=2]", "'odd' is '2': an odd number is needed"),
    ],
)
def test_bad_value_names_the_key_and_what_is_allowed(
    plugins: Plugins, text: str, words: str
) -> None:
    """A value that is not allowed is answered with the parameter and what it takes."""
    with pytest.raises(UsageError) as caught:
        one(plugins, text)
    assert str(caught.value).startswith(f"method 'tuned': {words}")


def test_unknown_parameter_suggests_the_nearest(plugins: Plugins) -> None:
    """A misspelt parameter is answered with the nearest one and the method it belongs to."""
    with pytest.raises(UnknownNameError) as caught:
        one(plugins, "tuned[fase=stored]")
    words = "unknown parameter 'fase' of method 'tuned'; did you mean 'phase'?"
    assert str(caught.value).startswith(words)


def test_entry_without_model_takes_no_parameter(plugins: Plugins) -> None:
    """An entry that registered no parameters model is created with nothing."""
    selection = one(plugins, "plain")
    assert (selection.params, selection.label) == ({}, "plain")
    assert type(selection.create()).__name__ == "Plain"
    with pytest.raises(UnknownNameError, match="unknown parameter 'q' of method 'plain'"):
        one(plugins, "plain[q=1]")


def test_missing_parameter_is_named(plugins: Plugins) -> None:
    """A parameter without default has to be given."""
    with pytest.raises(UsageError, match="dataset 'images': 'path' is missing; it must be a path"):
        one(plugins, "images", "dataset")
    selection = one(plugins, "images[path='a, b']", "dataset")
    assert selection.params == {"path": "a, b", "size": 84}
    assert selection.label == 'images[path="a, b"]'


def test_all_stands_for_every_name_that_needs_nothing(plugins: Plugins) -> None:
    """`all` leaves out what cannot be created without parameters, and takes none itself."""
    chosen = [selection.name for selection in select(plugins, "method", "all")]
    assert {"tuned", "plain"} <= set(chosen)
    assert chosen == sorted(chosen)
    assert "images" not in [each.name for each in select(plugins, "dataset", "all")]
    with pytest.raises(UsageError, match="'all' takes no parameters"):
        select(plugins, "method", "all[q=1]")


def test_selection_is_recreated_from_its_params(plugins: Plugins) -> None:
    """What `params` holds is enough to make the same selection in another process."""
    selection = one(plugins, "tuned[q=3,rate=none]")
    assert recreate(plugins, "method", "tuned", selection.params) == selection
    assert recreate(plugins, "method", "plain", {}) == one(plugins, "plain")
    with pytest.raises(UnknownNameError, match="unknown parameter 'p'"):
        recreate(plugins, "method", "tuned", {"p": 3})
    with pytest.raises(UsageError, match="'q' is 9; it must be an integer >= 1 and <= 7"):
        recreate(plugins, "method", "tuned", {"q": 9})


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("vanished", "the target 'shop_code:Vanished' of method 'vanished' cannot be imported"),
        ("lost", "the target 'no_such_module:Lost' of method 'lost' cannot be imported"),
        ("number", "the target 'shop_code:NUMBER' of method 'number' is not a class"),
    ],
)
def test_target_that_cannot_be_imported_names_the_plugin(
    plugins: Plugins, name: str, words: str
) -> None:
    """A broken target is found out when it is created, and the plugin is named."""
    selection = one(plugins, name)
    with pytest.raises(PluginError) as caught:
        selection.create()
    assert str(caught.value).startswith(f"plugin 'shop' (shop 1.0): {words}")


@pytest.mark.parametrize(
    ("name", "words"),
    [("unmodelled", "is not a pydantic model"), ("opaque", "cannot be described")],
)
def test_parameters_model_that_cannot_be_used_names_the_plugin(
    plugins: Plugins, name: str, words: str
) -> None:
    """A parameters model that is none, or that JSON cannot hold, is the plugin's fault."""
    with pytest.raises(PluginError, match=rf"^plugin 'shop' .* of device '{name}' {words}"):
        select(plugins, "device", name)


def test_suite_file_is_found_in_its_package(plugins: Plugins) -> None:
    """A suite's target gives the path of a file; one that is not there names the plugin."""
    path = file_path(plugins.registry.get("suite", "there"))
    assert path.read_text() == 'title = "x"\n'
    with pytest.raises(PluginError, match=r"'shop_suites:gone.toml' of suite 'gone' is not there"):
        file_path(plugins.registry.get("suite", "gone"))
