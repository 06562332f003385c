"""The command line as a whole: quick to start, exact in its exit status, without tracebacks."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator

import click
import pytest
from click.testing import Result
from pydantic_core import PydanticSerializationError

from harness import __version__
from harness.cli.main import COMMANDS, cli
from harness.errors import DataError, HarnessError, PluginError, RunFolderError, UsageError

Call = Callable[..., Result]
Python = Callable[..., subprocess.CompletedProcess[str]]

SLOW = {"torch", "torchvision", "pydantic", "rich", "numpy", "pandas", "matplotlib", "PIL"}
QUICK_COMMANDS = [["--help"], ["list", "methods"], ["list", "devices"], ["plugins", "list"]]


@pytest.mark.parametrize("arguments", QUICK_COMMANDS, ids=" ".join)
def test_quick_command_imports_nothing_slow(run_python: Python, arguments: list[str]) -> None:
    """Help and lists import no torch, and none of the other libraries that take long."""
    code = (
        "import atexit, json, sys; from harness.cli.main import main;"
        "atexit.register(lambda: print(json.dumps(list(sys.modules)), file=sys.stderr));"
        f"sys.argv[1:] = {arguments!r}; main()"
    )
    result = run_python("-c", code)
    assert result.returncode == 0, result.stderr
    imported = {name.split(".")[0] for name in json.loads(result.stderr.splitlines()[-1])}
    assert not imported & SLOW


def test_a_board_is_shown_without_torch(run_python: Python) -> None:
    """To say that a board is not this machine, its names are enough."""
    code = (
        "import atexit, sys; from harness.cli.main import main;"
        "atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr));"
        "sys.argv[1:] = ['show', 'jetson']; main()"
    )
    result = run_python("-c", code)
    assert (result.returncode, result.stderr) == (0, "False\n")


@pytest.mark.parametrize("arguments", QUICK_COMMANDS[:2], ids=" ".join)
def test_quick_command_answers_within_half_a_second(
    run_python: Python, arguments: list[str]
) -> None:
    """Help and lists answer at once; the processor's time counts, whatever else it is doing."""
    seconds = []
    for _ in range(5):
        before = os.times()
        run_python("-m", "harness", *arguments)
        after = os.times()
        system = after.children_system - before.children_system
        seconds.append(after.children_user - before.children_user + system)
    assert min(seconds) < 0.5


def test_console_script_and_module_are_one(run_python: Python) -> None:
    """`python -m harness` is `harness`."""
    assert run_python("-m", "harness", "--version").stdout == f"harness, version {__version__}\n"


@pytest.mark.parametrize("name", COMMANDS)
def test_table_of_commands_tells_the_truth(name: str) -> None:
    """A command's line in the list of commands is the first sentence of its own help."""
    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    assert command.get_short_help_str(limit=200) == COMMANDS[name].help


def commands_in(group: click.Group) -> Iterator[click.Command]:
    """Every command of a group and of its subgroups."""
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield from commands_in(command) if isinstance(command, click.Group) else [command]


def understood(words: list[str]) -> click.Command:
    """The command that a line means, whose options must be the command's."""
    command: click.Command | None = cli
    while isinstance(command, click.Group):
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None
    command.make_parser(click.Context(command)).parse_args(words)
    return command


@pytest.mark.parametrize("command", list(commands_in(cli)), ids=lambda each: each.name)
def test_every_command_has_an_example_that_can_be_typed(command: click.Command) -> None:
    """`--help` ends with lines to type, whose commands and options there are."""
    _, _, lines = (command.epilog or "").partition("Example:\n")
    typed = [line.partition("harness ")[2].partition(" > ")[0] for line in lines.splitlines()]
    assert command in [understood(shlex.split(line)) for line in typed]


def test_unknown_command_suggests_the_nearest(call: Call) -> None:
    """A misspelt command is wrong usage, and the nearest one is named; in a subgroup too."""
    result = call("lst")
    assert result.exit_code == 2
    assert "unknown command 'lst'; did you mean 'list'?" in result.stderr
    result = call("plugins", "lis")
    assert result.exit_code == 2
    assert "unknown command 'lis'; did you mean 'list'?" in result.stderr


def test_unknown_option_and_choice_are_wrong_usage(call: Call) -> None:
    """Click's own errors end with status 2."""
    assert call("list", "methods", "--jsn").exit_code == 2
    assert call("list", "things").exit_code == 2
    assert call("list").exit_code == 2


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (HarnessError("It broke."), 1),
        (UsageError("It broke."), 2),
        (DataError("It broke."), 2),
        (PluginError("It broke."), 2),
        (RunFolderError("It broke."), 2),
    ],
)
def test_error_for_people_is_a_sentence_and_a_status(
    call: Call, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """What a person can put right is one line on standard error, with the error's own status."""
    result = _call_failing(call, monkeypatch, error)
    assert (result.exit_code, result.stdout, result.stderr) == (status, "", "Error: It broke.\n")


def test_interrupt_is_said_and_has_its_status(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends with 130, as shells expect."""
    result = _call_failing(call, monkeypatch, KeyboardInterrupt())
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")


def test_interrupt_that_pydantic_wraps_is_one(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while a model is written ends as any other; another fault in writing one is a bug."""
    wrapped = PydanticSerializationError("Error calling function `f`: KeyboardInterrupt: ")
    result = _call_failing(call, monkeypatch, wrapped)
    assert (result.exit_code, result.stderr) == (130, "Interrupted.\n")
    for other in (PydanticSerializationError("no JSON"), ValueError("KeyboardInterrupt")):
        with pytest.raises(ValueError, match=str(other)):
            _call_failing(call, monkeypatch, other)


def test_interrupt_that_meets_a_destructor_is_not_lost(run_python: Python) -> None:
    """Where Python cannot raise Ctrl-C, it comes again a moment later, and no traceback is seen."""
    program = """
import signal, sys, time
from harness.cli import inspection, main

class Interrupted:
    def __del__(self):
        signal.raise_signal(signal.SIGINT)

def command():
    Interrupted()
    time.sleep(60)

inspection.loaded_plugins = command
sys.argv[1:] = ["list", "methods"]
main.main()
"""
    done = run_python("-c", program)
    assert (done.returncode, done.stderr) == (130, "Interrupted.\n")


def test_bug_is_not_hidden(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that is meant for nobody keeps its traceback."""
    with pytest.raises(ZeroDivisionError):
        _call_failing(call, monkeypatch, ZeroDivisionError())


def _call_failing(call: Call, monkeypatch: pytest.MonkeyPatch, error: BaseException) -> Result:
    def fail() -> None:
        raise error

    monkeypatch.setattr("harness.cli.inspection.loaded_plugins", fail)
    return call("list", "methods")


@pytest.mark.skipif(os.name != "posix", reason="needs a shell's pipe")
def test_reader_that_goes_away_causes_no_traceback() -> None:
    """`harness list devices | head -0` is quiet on standard error."""
    reader, writer = os.pipe()
    os.close(reader)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "harness", "list", "devices"],
            check=False,
            stdout=writer,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(writer)
    assert result.stderr == ""
