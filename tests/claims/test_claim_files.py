"""The files of claims: what is wrong in one is said, and their names belong to their methods."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.claims.ledger import claims_of, claims_of_plugins, read_claim
from harness.errors import PluginError, UnknownNameError, UsageError
from harness.plugins.loading import Plugins, load_plugins

GOOD = """\
method = "toy"
statement = "Toys are small."
source = "A paper"
where = "table 1"
quantity = "memory"

[published]
value = 2
unit = "times"
relation = "at least"
tolerance = 0.2
counted = "by hand"

[check]
kind = "ratio"
metric = "peak_memory"
of = "darts"
to = "toy"

[run]
datasets = ["omniglot"]
shots = 5

[[scaled]]
ways = 3
"""
PLUGIN = """\
from harness import hookimpl

@hookimpl
def harness_register_claims(register):
    register("NAME", "toy_files:claim.toml", summary="toys are small")
"""


@pytest.fixture
def install_claim(plugin_factory: Callable[[str, str], Path]) -> Callable[[str], None]:
    """Return `install_claim(name)`: a plugin then registers a claim about `toy` by that name."""

    def install_claim(name: str) -> None:
        files = plugin_factory("toy-claims", PLUGIN.replace("NAME", name)) / "toy_files"
        files.mkdir()
        (files / "__init__.py").touch()
        (files / "claim.toml").write_text(GOOD, encoding="utf-8")

    return install_claim


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "claim.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_what_is_scaled_completes_what_is_run(tmp_path: Path) -> None:
    """A `[[scaled]]` says only what it changes of `[run]`."""
    claim = read_claim(written(tmp_path, GOOD))
    assert [(block.ways, block.shots) for block in claim.settings] == [(5, 5), (3, 5)]
    assert claim.methods == ("darts", "toy")
    assert claim.published.accepted == (1.8, float("inf"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('kind = "ratio"', 'kind = "ration"', "unknown kind of check 'ration'.*'ratio'"),
        (
            'metric = "peak_memory"',
            'metric = "memory"',
            r"\[check\] .*'metric' is 'memory'; it",
        ),
        ('to = "toy"', "", r"\[check\] .*'to' is missing"),
        ('to = "toy"', 'too = "toy"', r"\[check\] .*unknown key 'too'; did you mean 'to'"),
        ("value = 2", 'value = "two"', "'published.value' is 'two'; it must be a number"),
        ("tolerance = 0.2", "tolerance = -1", "'published.tolerance' is -1"),
        ("[run]", "[ran]", "unknown key 'ran'"),
        ('[run]\ndatasets = ["omniglot"]\nshots = 5\n\n[[scaled]]\nways = 3', "", r"table \[run\]"),
        ('["omniglot"]', '["omniglot", "glyphs"]', "one data set and one device"),
        ('method = "toy"', "method = ", "not valid TOML"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, old: str, new: str, message: str) -> None:
    """The message names the file, the key, and what would be right."""
    path = written(tmp_path, GOOD.replace(old, new, 1))
    with pytest.raises(UsageError, match=message) as caught:
        read_claim(path)
    assert str(path) in str(caught.value)


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    """A file that cannot be read is named."""
    with pytest.raises(UsageError, match=r"claim .*nothing\.toml: it cannot be read"):
        read_claim(tmp_path / "nothing.toml")


def test_a_plugin_brings_claims(install_claim: Callable[[str], None]) -> None:
    """They come in by the hook, and are called by the method's name and their own."""
    install_claim("toy-size")
    plugins = load_plugins()
    (found,) = claims_of(plugins, "toy")
    assert found.name == "size"
    assert [each.name for each in claims_of(plugins, "toy", "toy-size")] == ["size"]
    assert found in claims_of_plugins(plugins)


def test_a_name_begins_with_its_method(install_claim: Callable[[str], None]) -> None:
    """Otherwise two plugins would come to have a claim `storage`; the others stay usable."""
    install_claim("size")
    plugins, told = load_plugins(), list[str]()
    with pytest.raises(PluginError, match="must begin with 'toy-'"):
        claims_of_plugins(plugins)
    assert claims_of_plugins(plugins, complain=told.append)
    assert len(told) == 1


def test_unknown_names_suggest_the_nearest(plugins: Plugins) -> None:
    """A misspelt claim, or a method of which nothing is claimed, is answered with what there is."""
    with pytest.raises(UnknownNameError, match="unknown claim 'storag' about onnas; did you mean"):
        claims_of(plugins, "onnas", "storag")
    with pytest.raises(UnknownNameError, match="about which anything is claimed"):
        claims_of(plugins, "onas")
