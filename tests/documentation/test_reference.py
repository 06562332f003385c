"""The reference says something of everything there is, and every part of the surface has a page."""

from __future__ import annotations

import inspect
import json
import re
from collections.abc import Callable

import click
import pytest
from pydantic import BaseModel

from documentation.commands import commands_page, every_command
from documentation.files import (
    claim_page,
    profile_page,
    record_page,
    record_schema,
    suite_page,
)
from documentation.markdown import anchor, prose
from documentation.models import undescribed_keys
from documentation.names import budgets_page, built_in, names_page
from documentation.pages import ROOT, every_page
from harness import hookspecs
from harness.claims.claim import CHECKS, Claim
from harness.devices.profile import DeviceProfile
from harness.experiment.budget import NAMED_BUDGETS
from harness.experiment.suite import Suite
from harness.plugins.loading import load_plugins
from harness.plugins.registry import KINDS, Kind
from harness.results.record import Record

COMMANDS = dict(every_command())
HOOKS = [name for name in vars(hookspecs) if name.startswith("harness_")]
READS_VARIABLE = r'(?:envvar=|environ\.get\(|environ\[|VARIABLE = )"(HARNESS_[A-Z_]+)"'
HAND_WRITTEN = "\n".join((ROOT / page.name).read_text(encoding="utf-8") for page in every_page())


@pytest.fixture(scope="module")
def page() -> str:
    """The page of commands."""
    return commands_page()


@pytest.mark.parametrize("name", COMMANDS)
def test_command_is_in_the_reference_with_each_option(page: str, name: str) -> None:
    """The command has a section, and in it each of its options, which says what it does."""
    _, _, rest = page.partition(f"\n## {name}\n")
    section = rest.partition("\n## ")[0]
    assert COMMANDS[name].help
    for option in COMMANDS[name].params:
        if isinstance(option, click.Option):
            assert option.help, f"{name} {option.opts[0]} says nothing of itself"
            assert any(f"{each}" in section for each in option.opts)


@pytest.mark.parametrize("name", [name for name in COMMANDS if name != "harness"])
def test_command_is_on_a_page_written_by_hand(name: str) -> None:
    """A reader meets each command where it is of use, and not in the reference alone."""
    if not isinstance(COMMANDS[name], click.Group):
        assert name in HAND_WRITTEN


@pytest.mark.parametrize("hook", HOOKS)
def test_hook_is_documented(hook: str) -> None:
    """A hook says what it is for, which the reference prints, and a page tells of its use."""
    assert inspect.getdoc(getattr(hookspecs, hook))
    assert hook in HAND_WRITTEN


def test_environment_variables_are_in_the_reference(page: str) -> None:
    """Each variable that the harness reads is named on the page of commands."""
    sources = (path.read_text(encoding="utf-8") for path in (ROOT / "harness").rglob("*.py"))
    read = {name for source in sources for name in re.findall(READS_VARIABLE, source)}
    assert "HARNESS_DEVICES" in read
    assert [name for name in read if f"`{name}`" not in page] == []


@pytest.mark.parametrize("kind", KINDS)
def test_page_of_names_has_each_with_its_parameters(kind: Kind) -> None:
    """Everything of a kind that comes along has a section, which says what it is."""
    text, plugins = names_page(kind), load_plugins()
    names = built_in(plugins, kind)
    assert names
    for name in names:
        assert prose(plugins.registry.get(kind, name).summary) in text.partition(f"## {name}\n")[2]


def test_page_of_budgets_has_each_key() -> None:
    """Each key of each named budget stands in the table."""
    text = budgets_page()
    assert all(f"`{name}`" in text for name in NAMED_BUDGETS)
    assert "| `meta_epochs` | meta-epochs of pretraining | 0 | 2 | 30 | 1000 | 30000 |" in text


@pytest.mark.parametrize("model", [Record, Suite, DeviceProfile, Claim, *CHECKS.values()])
def test_keys_of_files_are_described(model: type[BaseModel]) -> None:
    """Each key of a record, a suite, a claim and a device's profile says what it means."""
    assert undescribed_keys(model) == []


@pytest.mark.parametrize("write", [record_page, suite_page, claim_page, profile_page])
def test_links_between_tables_lead_somewhere(write: Callable[[], str]) -> None:
    """What a key links to is a heading of the page."""
    text = write()
    headings = {anchor(heading) for heading in re.findall(r"^## (.+)$", text, re.MULTILINE)}
    assert set(re.findall(r"\(#([\w-]+)\)", text)) <= headings


def test_schema_of_records_is_that_of_the_model() -> None:
    """What programs read has the keys that a record has."""
    assert set(json.loads(record_schema())["properties"]) >= {"schema", "trial_key", "metrics"}


def test_texts_of_the_code_are_no_markup() -> None:
    """Brackets, stars and pipes of a help text stand as they are; quoted code stays code."""
    assert prose("a|b 'onnas[q=1]'\n <DIR>") == r"a\|b 'onnas\[q=1\]' &lt;DIR&gt;"
    assert prose("as `a_b|c` is") == "as `a_b|c` is"
