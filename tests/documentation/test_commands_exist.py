"""Every command that a page shows exists, with its options and the names in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import click
import pytest

from documentation.commands import every_command
from documentation.pages import Page, every_page, simple_commands
from harness.cli.main import cli
from harness.experiment.budget import parse_budget
from harness.planning.plan import find_suite
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.selection import select
from harness.plugins.spaces import find_space
from harness.space.spec import METANAS

# What pages call a thing of the reader's own.
OWN = re.compile(r"my-|[A-Z]{2,}|\.\.\.")
# Options of other programs that pages name.
FOREIGN = {"--no-deps", "--resources", "--strict"}
# The options under which names of plugins are given.
SELECTED = {"methods": "method", "datasets": "dataset", "devices": "device"}


@pytest.fixture(scope="module")
def plugins() -> Plugins:
    return load_plugins()


def in_blocks() -> Iterator[tuple[str, str]]:
    """Give each line of a block, with its page."""
    pages = every_page()
    return ((page.name, line) for page in pages for line in page.commands("sh", "console"))


def in_running_text() -> Iterator[tuple[str, str]]:
    """Give each command of the harness in running text or a table, with its page."""
    quoted = ((page.name, code) for page in every_page() for code in page.quoted)
    return ((page, first_alternative(code)) for page, code in quoted if code[:8] == "harness ")


def first_alternative(code: str) -> str:
    """Choose the first of `md|csv`; a table writes it with a backslash."""
    return re.sub(r"([\w.-]+)(?:\\?\|[\w.-]+)+", r"\1", code)


def parsed(words: list[str]) -> click.Context:
    """Parse a command as the command line would, without running it."""
    command: click.Command = cli
    name, rest = "harness", words[1:]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        inner = command.get_command(click.Context(command, info_name=name), rest[0])
        assert inner is not None, f"there is no {name} {rest[0]}"
        command, name, rest = inner, f"{name} {rest[0]}", rest[1:]
    return command.make_context(name, rest)


def check_names(plugins: Plugins, told: dict[str, Any]) -> None:
    """Look up what was selected by name; what is wrong raises what a person would be told."""
    space = find_space(plugins, told.get("space") or METANAS.name)
    searcher = "method" if space.has_supernet else "search"
    for option, kind in {**SELECTED, "methods": searcher}.items():
        for text in told.get(option) or ():
            if not OWN.search(text):
                select(plugins, kind, text)  # type: ignore[arg-type]  # one of its kinds
    for name in [told.get("suite"), *(told.get("suites") or ())]:
        if name and not OWN.search(name) and not name.endswith(".toml"):
            find_suite(plugins, name)
    if told.get("budget") and not OWN.search(told["budget"]):
        parse_budget(told["budget"])


def check(plugins: Plugins, line: str) -> None:
    """Hold each command of the harness in a line to what there is."""
    for words in simple_commands(line):
        while words and "=" in words[0]:  # a variable for this command
            words.pop(0)
        if words[:1] == ["harness"]:
            try:
                check_names(plugins, parsed(words).params)
            except click.exceptions.Exit:
                continue  # `--help` and `--version` say what they say, and end


@pytest.mark.parametrize(("page", "line"), dict.fromkeys(in_blocks()))
def test_command_in_a_block_exists(plugins: Plugins, page: str, line: str) -> None:
    """It parses, and the methods, data sets, devices, suites and budgets in it are there."""
    check(plugins, line)


@pytest.mark.parametrize(("page", "line"), dict.fromkeys(in_running_text()))
def test_command_in_running_text_exists(plugins: Plugins, page: str, line: str) -> None:
    """So it is there, but that a text may leave out what a command needs: `harness report`."""
    with suppress(click.MissingParameter):
        check(plugins, line)


@pytest.mark.parametrize("page", every_page(), ids=lambda page: page.name)
def test_option_that_a_page_names_exists(page: Page) -> None:
    """Code in running text that begins with an option is one of some command's options."""
    parameters = [each for _, command in every_command() for each in command.params]
    own = {name for each in parameters for name in (*each.opts, *each.secondary_opts)}
    named = {code.split()[0].split("=")[0] for code in page.quoted if code.startswith("--")}
    assert named <= own | FOREIGN | {"--help"}


def test_blocks_have_names_that_tests_know() -> None:
    """A block under another name, such as bash, would not be held to anything."""
    languages = {block.language for page in every_page() for block in page.blocks}
    assert languages <= {"sh", "console", "python", "py", "toml", "yaml", "json", "text"}


def test_a_wrong_command_is_found(plugins: Plugins) -> None:
    """The check itself notices a wrong option, command, method and budget."""
    with pytest.raises(click.NoSuchOption):
        parsed(["harness", "run", "--metod", "onnas"])
    with pytest.raises(AssertionError, match="there is no harness rum"):
        parsed(["harness", "rum"])
    for line in ("harness run -m onas", "harness run --budget smal", "harness run tabel2"):
        with pytest.raises(Exception, match="did you mean"):
            check_names(plugins, parsed(line.split()).params)
