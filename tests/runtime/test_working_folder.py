"""Nothing is imported from the working folder; a process that dies at its start says why."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.runtime.interpreters import last_words, run_python, spawn_safely, undo_safe_path

RAISES = 'raise RuntimeError("a file of mine")\n'

# Starts a server that imports a module, and a process that imports another; neither is torch.
PROGRAM = """
import sys
from importlib import import_module
from harness.errors import HarnessError
from harness.runtime.forkserver import processes, start, start_server

def tell(connection, name):
    connection.send(import_module(name).__file__)

def main(preloaded, name):
    context = processes([preloaded])
    start_server(context)
    ours, theirs = context.Pipe()
    start(context.Process(target=tell, args=(theirs, name)))
    theirs.close()
    print(ours.recv())

if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except HarnessError as error:
        sys.exit(f"Error: {error}")
"""


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """Write the program to a folder where nothing else is."""
    path = tmp_path / "program" / "program.py"
    path.parent.mkdir()
    path.write_text(PROGRAM)
    return path


def call(
    *arguments: str | Path, folder: Path, module_path: str = ""
) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": module_path}
    environment.pop("PYTHONSAFEPATH", None)
    return subprocess.run(  # noqa: S603 - our own program
        [sys.executable, *arguments], check=False, cwd=folder, env=environment, text=True,
        capture_output=True,
    )  # fmt: skip


@pytest.mark.parametrize("shadowed", ["colorsys", "multiprocessing", "signal", "selectors"])
def test_the_server_imports_nothing_from_the_working_folder(
    tmp_path: Path, program: Path, shadowed: str
) -> None:
    """A file there that is called like a module of Python's own is not run."""
    (tmp_path / f"{shadowed}.py").write_text(RAISES)
    path = str(found(tmp_path, "mine"))
    result = call(program, "colorsys", "mine", folder=tmp_path, module_path=path)
    assert result.stderr == ""
    assert "found/mine.py" in result.stdout


def found(folder: Path, module: str) -> Path:
    """Make a folder with a module that is to be found."""
    made = folder / "found"
    made.mkdir(exist_ok=True)
    (made / f"{module}.py").write_text("")
    return made


def test_a_relative_path_of_modules_is_kept(tmp_path: Path, program: Path) -> None:
    """PYTHONPATH=found means the folder where the person is, in the processes as well."""
    found(tmp_path, "mine")
    result = call(program, "mine", "mine", folder=tmp_path, module_path="found")
    assert result.stdout.strip() == str(tmp_path / "found" / "mine.py"), result.stderr


def test_what_python_c_puts_on_the_path_is_not_handed_on(tmp_path: Path, program: Path) -> None:
    """A notebook or `python -c` has the working folder on its own path; its processes have not."""
    (tmp_path / "colorsys.py").write_text(RAISES)
    code = f"import sys; sys.path.append({str(program.parent)!r}); import program; "
    code += "program.main('calendar', 'colorsys')"
    result = call("-c", code, folder=tmp_path)
    assert result.stdout.strip().endswith("/colorsys.py"), result.stderr
    assert str(tmp_path) not in result.stdout


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (RAISES, "RuntimeError: a file of mine (File "),
        ("import os; print('half', flush=True); os._exit(3)", "it left no word"),
        ("import sys; sys.exit('I do not want to')", "I do not want to"),
        ("import os, sys; print('no room', file=sys.stderr, flush=True); os.kill(os.getpid(), 9)",
         "no room"),
    ],
)  # fmt: skip
def test_a_server_that_dies_says_why(
    tmp_path: Path, program: Path, source: str, words: str
) -> None:
    """Its last words stand in the sentence, without its traceback."""
    (found(tmp_path, "dies") / "dies.py").write_text(source)
    result = call(program, "dies", "colorsys", folder=tmp_path, module_path="found")
    assert result.returncode == 1
    assert result.stderr.startswith("Error: the process that trials and checks are forked from")
    assert words in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("command", ["run -m toy --dataset dots", "plugins check toy"])
@pytest.mark.usefixtures("toy_plugin")
def test_commands_end_in_a_sentence_where_torch_is_broken(
    tmp_path: Path, scratch: Path, command: str
) -> None:
    """Torch that lacks a library raises an OSError as it is imported: exit status 1."""
    (found(tmp_path, "torch") / "torch.py").write_text(
        'raise OSError("libcudart.so.12 is missing")'
    )
    path = os.pathsep.join([str(tmp_path / "found"), os.environ["PYTHONPATH"]])
    result = call("-m", "harness", *command.split(), folder=scratch, module_path=path)
    assert result.returncode == 1
    assert "OSError: libcudart.so.12 is missing" in result.stderr
    assert "Traceback" not in result.stderr
    assert "Aborted" not in result.stderr


@pytest.mark.parametrize("command", ["bench -m toy", "estimate -m toy", "plugins check toy"])
@pytest.mark.usefixtures("toy_plugin")
def test_commands_end_in_a_sentence_where_torch_is_missing(
    tmp_path: Path, scratch: Path, command: str
) -> None:
    """Whether it is imported here or in a process: one line, and what to do; exit status 1."""
    missing = """raise ModuleNotFoundError("No module named 'torch'", name="torch")"""
    (found(tmp_path, "torch") / "torch.py").write_text(missing)
    path = os.pathsep.join([str(tmp_path / "found"), os.environ["PYTHONPATH"]])
    words = [*command.split(), *([] if "check" in command else ["--dataset", "dots"])]
    result = call("-m", "harness", *words, folder=scratch, module_path=path)
    assert result.returncode == 1
    (line,) = [each for each in result.stderr.splitlines() if each.startswith("Error: ")]
    assert "(No module named 'torch'); `harness doctor` says more" in line
    assert "Traceback" not in result.stderr


def test_a_fresh_interpreter_is_started_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Modules of the working folder stand in for none, and those of this process are found."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend("found")
    found(tmp_path, "mine")
    for name in ("json", "runpy", "colorsys"):
        (tmp_path / f"{name}.py").write_text(RAISES)
    assert run_python("-c", "import json, mine; print(mine.__file__)").stdout.strip() == str(
        tmp_path / "found" / "mine.py"
    )
    assert run_python("-m", "colorsys").stderr == ""


def test_a_module_run_by_name_is_no_door_to_the_folder(
    tmp_path: Path,
) -> None:
    """`python -m harness` goes on as `harness` does, where Python puts the folder first."""
    (tmp_path / "rich.py").write_text(RAISES)
    (tmp_path / "pydantic.py").write_text(RAISES)
    result = call("-m", "harness", "list", "methods", folder=tmp_path)
    assert result.returncode == 0, result.stderr


def test_spawned_processes_get_a_safe_path_and_hand_none_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python is told to leave the working folder out, for that process alone."""
    monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
    monkeypatch.setattr(sys, "path", ["a", "", "b"])
    with spawn_safely():
        assert sys.path == ["a", "b"]
        assert os.environ["PYTHONSAFEPATH"]
        undo_safe_path()
        assert "PYTHONSAFEPATH" not in os.environ
        os.environ["PYTHONSAFEPATH"] = "x"
    assert sys.path == ["a", "", "b"]
    assert "PYTHONSAFEPATH" not in os.environ
    monkeypatch.setenv("PYTHONSAFEPATH", "1")
    with spawn_safely():
        undo_safe_path()
    assert os.environ["PYTHONSAFEPATH"] == "1"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("loading\n\nSegmentation fault  \n", "Segmentation fault"),
        (
            'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    g()\n'
            "ValueError: no\n  more\nsays it\n",
            'ValueError: no says it (File "a.py", line 3, in f)',
        ),
    ],
)  # fmt: skip
def test_last_words(text: str, words: str) -> None:
    """Of a traceback they are the error and where it was raised, else the last line."""
    assert last_words(text) == words
