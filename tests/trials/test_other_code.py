"""Nothing is told as a result of code that it was not computed with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli
from harness.planning import code
from harness.results.load import load_results

pytestmark = pytest.mark.usefixtures("scratch")

BUDGET = "search_steps=1,tasks=1,meta_epochs=0"
OFFLINE = "search_steps=1,tasks=1,meta_epochs=1,meta_tasks=1,meta_steps=1,meta_shots=2"


def run(*arguments: str, budget: str = BUDGET) -> tuple[Result, dict[str, Any]]:
    """Call `harness run` in a folder, and return its JSON too."""
    command = ["run", "--dataset", "dots", "--budget", budget, "--json", *arguments]
    result = CliRunner().invoke(cli, [*command, "-m", "toy"] if "-m" not in arguments else command)
    return result, json.loads(result.stdout) if result.stdout else {}


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def test_an_edited_method_is_run_anew(toy_plugin: Path, scratch: Path) -> None:
    """The same command says what has changed, keeps the record, and reports show the new alone."""
    run("-o", "out")
    again, told = run("-o", "out")
    assert told["finished_earlier"] == 1
    (before,) = (scratch / "out" / "trials").iterdir()
    method = toy_plugin / "toy" / "method.py"
    method.write_text(method.read_text(encoding="utf-8") + "\nNEW = 1\n", encoding="utf-8")
    again, told = run("-o", "out")
    assert told["finished_earlier"] == 0
    assert "1 finished trial is of other code (changed since: the method's package" in again.stderr
    assert (before / "record.json").exists()
    (found,) = load_results([scratch / "out"]).trials
    assert found.folder != before
    (record,) = told["trials"]
    assert record["environment"]["code"]["method"]
    assert len(list((scratch / "out" / "trials").iterdir())) == 2


def test_going_back_to_the_code_before_takes_its_record(toy_plugin: Path) -> None:
    """A record is that of its code, whichever was run last."""
    method = toy_plugin / "toy" / "method.py"
    original = method.read_text(encoding="utf-8")
    run("-o", "out")
    method.write_text(original + "\nNEW = 1\n", encoding="utf-8")
    run("-o", "out")
    method.write_text(original, encoding="utf-8")
    _, told = run("-o", "out")
    assert told["finished_earlier"] == 1
    plan = json.loads(Path("out/plan.json").read_text(encoding="utf-8"))
    assert len(plan["trials"]) == len(plan["superseded"]) == 1
    assert plan["trials"][0]["folder"] != plan["superseded"][0]


SPACE = """
from harness import hookimpl
from harness.space.spec import SearchSpace


@hookimpl
def harness_register_spaces(register):
    register("mine", "mine:space")


def space():
    return SearchSpace("mine", ("skip_connect", "conv_3x3"), nodes=2)
"""


@pytest.mark.usefixtures("toy_plugin")
def test_an_edited_space_is_run_anew(plugin_factory: Callable[[str, str], Path]) -> None:
    """An operation that computes something else, under the same name, is another trial."""
    space = plugin_factory("mine", SPACE) / "mine.py"
    run("-o", "out", "--space", "mine")
    assert run("-o", "out", "--space", "mine")[1]["finished_earlier"] == 1
    edit(space, "\n\n\ndef space", "\n\nTWICE = 2\n\n\ndef space")
    again, told = run("-o", "out", "--space", "mine")
    assert told["finished_earlier"] == 0
    assert "1 finished trial is of other code (changed since: the space's package" in again.stderr


@pytest.mark.parametrize("remark", ["# a remark\n", '"""Said of the module."""\n', "\n\n"])
def test_a_remark_changes_nothing(toy_plugin: Path, remark: str) -> None:
    """A comment, a docstring and blank lines leave records as they are."""
    run("-o", "out")
    method = toy_plugin / "toy" / "method.py"
    method.write_text(method.read_text(encoding="utf-8") + remark, encoding="utf-8")
    _, told = run("-o", "out")
    assert told["finished_earlier"] == 1


def test_changes_of_the_harness_count_where_numbers_depend_on_them(
    toy_plugin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another loop of trials is run anew; another pretraining is nothing to a search without."""
    run("-o", "out")
    files = code._host
    with monkeypatch.context() as patch:
        patch.setattr(
            code,
            "_host",
            lambda part: {"new": Path(__file__)} if part is code.OFFLINE else files(part),
        )
        assert run("-o", "out")[1]["finished_earlier"] == 1
    monkeypatch.setattr(
        code,
        "_host",
        lambda part: {"new": Path(__file__)} if part is code.ON_DEVICE else files(part),
    )
    again, told = run("-o", "out")
    assert told["finished_earlier"] == 0
    assert "changed since: the harness" in again.stderr


def test_a_run_of_an_earlier_version_is_made_anew(toy_plugin: Path) -> None:
    """Its plan names no code: that is said, and nothing of it is taken."""
    run("-o", "out")
    path = Path("out/plan.json")
    plan = json.loads(path.read_text(encoding="utf-8"))
    del plan["superseded"]
    plan["trials"][0] |= {"code": None, "trial_key": "0" * 64}
    path.write_text(json.dumps(plan), encoding="utf-8")
    edit(toy_plugin / "toy" / "method.py", "def ", "def  ")
    again, _ = run("-o", "out")
    assert (
        "1 finished trial is of other code (what code made them was not kept then)" in again.stderr
    )


def test_a_checkpoint_is_of_its_code(toy_plugin: Path) -> None:
    """One of earlier code is named and not used; a new folder with the same code uses it."""
    first, _ = run("-m", "learner", "-o", "out", budget=OFFLINE)
    assert first.exit_code == 0, first.output
    same, _ = run("-m", "learner", "-o", "other", budget=OFFLINE)
    assert "is already done: learner-dots" in same.stderr
    method = toy_plugin / "toy" / "method.py"
    method.write_text(method.read_text(encoding="utf-8") + "\nNEW = 1\n", encoding="utf-8")
    changed, _ = run("-m", "learner", "-o", "third", budget=OFFLINE)
    assert "a checkpoint is there and not used, since it is of other code" in changed.stderr
    assert "is done already" not in changed.stderr


def test_the_parts_of_the_harness_are_there() -> None:
    """Each file and folder that numbers depend on is one, and none is empty."""
    for part in (*code.OFFLINE, *code.ON_DEVICE):
        assert code._host((part,)), part
        assert all(path.is_file() for path in code._host((part,)).values()), part
