"""`harness plugins new`: a package that works, written whole, and never over anything."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from harness.scaffold.writing import OPTION_OF

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Call = Callable[..., Result]
Install = Callable[[str, str], Path]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


@pytest.mark.parametrize("kind", OPTION_OF)
def test_it_writes_a_package_and_says_what_to_do_next(call: Call, scratch: Path, kind: str) -> None:
    """Every file is valid, the entry point names the module, and four commands follow."""
    result = call("plugins", "new", "my-idea", "--kind", kind)
    assert result.exit_code == 0
    folder = scratch / "my-idea"
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["project"]["entry-points"]["harness"] == {"my-idea": "my_idea"}
    for path in folder.rglob("*.py"):
        ast.parse(path.read_text(encoding="utf-8"))
    texts = [path.read_text(encoding="utf-8") for path in folder.rglob("*") if path.is_file()]
    assert not any("{{" in text or "{%" in text for text in texts)
    written, _, commands = result.stdout.partition("\nNext:\n")
    assert sorted(written.split()) == sorted(
        str(path.relative_to(scratch)) for path in folder.rglob("*") if path.is_file()
    )
    install, check, run, report = (line.strip() for line in commands.splitlines())
    assert install == "pip install -e ./my-idea"
    assert check == "harness plugins check my-idea"
    assert run.startswith("harness run ")
    assert "my-idea" in run
    assert report == "harness report comparison"


def test_nothing_is_overwritten(call: Call, scratch: Path) -> None:
    """A folder or a file of that name is left as it is; another place can be named."""
    (scratch / "my-idea").write_text("mine", encoding="utf-8")
    result = call("plugins", "new", "my-idea", "--kind", "method")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "is there already and is not overwritten" in result.stderr
    assert (scratch / "my-idea").read_text(encoding="utf-8") == "mine"
    result = call("plugins", "new", "my-idea", "--kind", "method", "-o", "deep/in here")
    assert result.exit_code == 0
    assert "pip install -e './deep/in here'" in result.stdout
    assert (scratch / "deep" / "in here" / "my_idea" / "method.py").is_file()
    assert [path.name for path in (scratch / "deep").iterdir()] == ["in here"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("My_Idea", "'My_Idea' is not a valid name for a method"),
        ("../up", "'../up' is not a valid name for a method"),
        ("all", "is not 'all'"),
        ("class", "'class' is a Python keyword"),
        ("darts", "taken by a method, see `harness show darts`"),
        ("baselines", "taken by plugin 'baselines'"),
        ("broken", "taken by plugin 'broken' (broken 1.0)"),
        ("click", "taken by the distribution click"),
        ("json", "taken by the module 'json'"),
    ],
)
def test_a_name_that_cannot_be_had_is_refused(
    call: Call, scratch: Path, plugin_factory: Install, name: str, words: str
) -> None:
    """A malformed name, a word of Python's, or one that something has is said in a sentence."""
    plugin_factory("broken", "import not_there")
    result = call("plugins", "new", name, "--kind", "method")
    assert (result.exit_code, result.stdout) == (2, "")
    assert words in result.stderr
    assert list(scratch.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_said(call: Call, scratch: Path) -> None:
    """A parent that is a file is no place for a folder."""
    (scratch / "file").write_text("", encoding="utf-8")
    result = call("plugins", "new", "my-idea", "--kind", "method", "-o", "file/my-idea")
    assert result.exit_code == 2
    assert "'file/my-idea' cannot be written: " in result.stderr


def test_a_kind_has_to_be_named(call: Call) -> None:
    """Without --kind, or with another, the command says which there are."""
    assert call("plugins", "new", "my-idea").exit_code == 2
    result = call("plugins", "new", "my-idea", "--kind", "suite")
    assert result.exit_code == 2
    assert "'method', 'dataset', 'device', 'space'" in result.stderr
