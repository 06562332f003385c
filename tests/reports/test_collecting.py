"""What is found in folders, and what is named as a problem."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.reports.formats import to_markdown
from harness.reports.tables import tables_of
from harness.results.costs import EstimateRow, save_estimate
from harness.results.load import load_results
from harness.results.record import Record

MakeRecord = Callable[..., Record]
WriteRun = Callable[..., Path]

ROW = EstimateRow("m", "dots", "5-way 1-shot", 8, 5, 12.5, 10.0, 1.0, (), "")


@pytest.fixture
def run(tmp_path: Path, make_record: MakeRecord, write_run: WriteRun) -> Path:
    """A run of three seeds, of suite `mine`."""
    records = [make_record(seed=seed) for seed in (2, 0, 1)]
    return write_run(tmp_path / "all" / "run", records, suites=["mine"])


def test_a_run_folder_is_read_in_the_order_of_its_plan(run: Path) -> None:
    """Trials come as they were planned, each with its folder, and the suite is known."""
    found = load_results([run])
    assert [each.record.seed for each in found.trials] == [2, 0, 1]
    assert all((each.folder / "record.json").is_file() for each in found.trials)
    assert (found.suites, found.problems, found.pending) == (("mine",), (), 0)


def test_a_folder_of_runs_is_read_and_trials_count_once(
    run: Path, make_record: MakeRecord, write_run: WriteRun
) -> None:
    """Runs and estimates one level down are found; the same trial twice is one trial."""
    write_run(run.parent / "later", [make_record(seed=0), make_record(seed=7)])
    save_estimate(run.parent / "estimate", [ROW], suite="table2")
    (run.parent / "README.md").write_text("mine", encoding="utf-8")
    found = load_results([run.parent, run])
    assert sorted(each.record.seed for each in found.trials) == [0, 1, 2, 7]
    assert [each.rows for each in found.estimates] == [(ROW,)]
    assert set(found.suites) == {"mine", "table2"}
    assert found.problems == ()


def test_a_folder_of_folders_of_runs_is_read(
    tmp_path: Path, make_record: MakeRecord, write_run: WriteRun
) -> None:
    """`results` has runs beside `claims/METHOD`; one that holds none is a problem, once."""
    write_run(tmp_path / "run", [make_record(seed=0)])
    for place, name in enumerate(("claims", "reference"), start=1):
        (tmp_path / name).mkdir()
        write_run(tmp_path / name / "onnas", [make_record(seed=place)])
    (tmp_path / "mine" / "a").mkdir(parents=True)
    (tmp_path / "mine" / "b").mkdir()
    write_run((tmp_path / "mine" / "a" / "deep"), [make_record(seed=3)])
    found = load_results([tmp_path])
    assert sorted(each.record.seed for each in found.trials) == [0, 1, 2]
    (problem,) = found.problems
    assert (problem.path, problem.reason) == (
        tmp_path / "mine",
        "it holds no run and no estimate",
    )


def test_a_final_record_stands_before_an_interrupted_one(
    tmp_path: Path, make_record: MakeRecord, write_run: WriteRun
) -> None:
    """Where one run was interrupted and another finished the same trial, the latter counts."""
    write_run(tmp_path / "a", [make_record(status="interrupted")])
    write_run(tmp_path / "b", [make_record()])
    (trial,) = load_results([tmp_path]).trials
    assert trial.record.status == "ok"


def test_a_run_that_was_made_again_counts_once(
    tmp_path: Path, make_record: MakeRecord, write_run: WriteRun
) -> None:
    """The later run's trials are those that rows, pictures and commands are of; all are found."""
    for name, day in (("later", "2026-11-02"), ("earlier", "2026-11-01")):
        made = [make_record(seed=seed, trial_key=f"{name}-{seed}", ended_at=day) for seed in (0, 1)]
        write_run(tmp_path / name, made)
    found = load_results([tmp_path])
    assert len(found.trials) == 4
    assert {each.folder.parent.parent.name for each in found.counted} == {"later"}
    (row,) = found.rows
    assert (len(row.records), row.earlier) == (2, 2)
    (command,) = found.commands
    assert command.endswith("--seed 0-1")


def test_an_old_plan_and_no_plan_are_read(run: Path) -> None:
    """A plan that names no suite is whole; a missing plan is a problem, its trials count."""
    plan = json.loads((run / "plan.json").read_text("utf-8"))
    del plan["suites"]
    (run / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    assert (load_results([run]).suites, load_results([run]).problems) == ((), ())
    (run / "plan.json").unlink()
    found = load_results([run])
    assert len(found.trials) == 3
    assert [problem.path.name for problem in found.problems] == ["plan.json"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("{", "not JSON"),
        ("\x00\x01", "not JSON"),
        ("[]", "should be an object"),
        ('{"schema": 99}', "schema 99, of a newer harness"),
        ('{"schema": 1, "\\u001b[31m": 2}', "field required"),
        ("[" * 100_000, "not JSON"),
    ],
)
def test_a_record_that_cannot_be_read_is_named(run: Path, content: str, reason: str) -> None:
    """Each way a record can be broken has its reason; all others are reported all the same."""
    path = run / "trials" / "trial-0001" / "record.json"
    path.write_text(content, encoding="utf-8")
    found = load_results([run])
    (problem,) = found.problems
    assert problem.path == path
    assert reason in problem.reason
    assert len(found.trials) == 2
    assert found.pending == 1
    assert str(problem).isprintable()


def test_half_written_and_foreign_things_are_named(run: Path) -> None:
    """A trial without a record and a file among trials are problems; hidden files are not."""
    (run / "trials" / "trial-0000" / "record.json").unlink()
    (run / "trials" / "notes.txt").write_text("mine", encoding="utf-8")
    (run / "trials" / ".DS_Store").write_text("", encoding="utf-8")
    reasons = {problem.path.name: problem.reason for problem in load_results([run]).problems}
    assert set(reasons) == {"trial-0000", "notes.txt"}
    assert "no record" in reasons["trial-0000"]


def test_a_link_out_of_the_folder_is_not_followed(run: Path, tmp_path: Path) -> None:
    """A trial, a record or a whole run that lies elsewhere is a problem, not read."""
    elsewhere = run.rename(tmp_path / "elsewhere")
    (run / "trials").mkdir(parents=True)
    (run / "plan.json").write_text('{"trials": []}', encoding="utf-8")
    (run / "trials" / "linked").symlink_to(elsewhere / "trials" / "trial-0000")
    (run / "trials" / "half").mkdir()
    (run / "trials" / "half" / "record.json").symlink_to(
        elsewhere / "trials" / "trial-0001" / "record.json"
    )
    (run.parent / "run-2").symlink_to(elsewhere)
    found = load_results([run.parent])
    assert found.trials == ()
    assert [(problem.path.name, problem.reason) for problem in found.problems] == [
        ("record.json", "it is a link out of the folder"),
        ("linked", "it is a link out of the folder"),
        ("run-2", "it is a link out of the folder"),
    ]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_not_waited_for(run: Path) -> None:
    """A record that is not a regular file is a problem."""
    path = run / "trials" / "trial-0001" / "record.json"
    path.unlink()
    os.mkfifo(path)
    assert [problem.reason for problem in load_results([run]).problems] == ["it is not a file"]


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ('"schema": 1', '"schema": 2', "newer harness"),
        ('"channels": 8', '"channels": "8"', "valid integer"),
        ('"error": ""', '"error": "", "more": 1', "more"),
    ],
)
def test_an_estimate_is_read_strictly(tmp_path: Path, old: str, new: str, reason: str) -> None:
    """A newer version, a word for a number and an unknown key are each named."""
    path = save_estimate(tmp_path, [ROW])
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    found = load_results([tmp_path])
    assert found.estimates == ()
    assert reason in found.problems[0].reason


def test_a_path_without_anything_is_wrong_usage(tmp_path: Path) -> None:
    """A folder that does not exist, a file, and an empty folder are each told apart."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    for name, words in (("none", "does not exist"), ("file", "is not a folder"), ("", "no run")):
        with pytest.raises(UsageError, match=words):
            load_results([tmp_path / name])


def test_stand_ins_are_told(tmp_path: Path, make_record: MakeRecord, write_run: WriteRun) -> None:
    """A plan says which data set was run in place of the suite's."""
    write_run(tmp_path, [make_record()], dataset_map={"miniimagenet": "folder[path=x]"})
    assert load_results([tmp_path]).stand_ins == {"folder[path=x]": "miniimagenet"}


def test_methods_that_were_passed_over_are_told(run: Path) -> None:
    """What was wrong with a method's plugin comes from the plan into the caption of all trials."""
    path = run / "plan.json"
    plan = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(
        json.dumps({**plan, "passed_over": {"mine": "no module\n\x1b[1m|x|"}}), encoding="utf-8"
    )
    found = load_results([run])
    assert found.passed_over == {"mine": "no module\n\x1b[1m|x|"}
    (table,) = (each for each in tables_of(found, []) if each.columns)
    assert "Not run: method mine: no module [1m|x|" in table.caption
    assert r"Not run: method mine: no module \[1m\|x\|" in to_markdown([table])
