"""A table is searched by the same commands as images; what it tells is never shown as measured."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.api import load
from harness.cli.main import cli
from harness.experiment.budget import NAMED_BUDGETS, Budget, budget_label
from harness.results.run_files import read_evaluations

TABLE = ["--space", "nasbench201", "--dataset", "nasbench201"]
FRONT = [
    *("--space", "nasbench201", "--dataset", "nasbench201[latency=toy]"),
    *("--objective", "accuracy,latency"),
]


def harness(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def searched(root: Path, folder: Path) -> dict[str, Any]:
    """Run two searches of three seeds, and return what `--json` prints."""
    wanted = ["-m", "random", "-m", "evolution", *TABLE, "--budget", "evaluations=40"]
    result = harness("run", *wanted, "--seed", "0-2", "--data-root", root, "-o", folder, "--json")
    assert result.exit_code == 0, result.output
    answer: dict[str, Any] = json.loads(result.stdout)
    return answer


def test_rows_have_regret_and_no_memory(table_root: Path, scratch: Path) -> None:
    """Accuracy and regret are marked as a table's, cost as computed; the rest is missing."""
    answer = searched(table_root, scratch / "run")
    assert [row["method"] for row in answer["rows"]] == ["random", "evolution"]
    for row in answer["rows"]:
        assert (row["setting"], row["mode"], row["seeds"]) == ("table", "tabular", 3)
        assert row["peak_memory_mib"] is row["storage_mib"] is row["search_time_s"] is None
        assert row["metrics"]["regret"]["source"] == "tabular"
        assert row["metrics"]["flops"]["source"] == "predicted"
    for record in answer["trials"]:
        sources = {metric["source"] for metric in record["metrics"].values()}
        assert sources == {"tabular", "predicted"}
        assert record["metrics"]["peak_memory"]["value"] is None
        assert record["budget"]["used"]["evaluations"] == 40
        best = 80.5  # of the made-up table
        regret = record["metrics"]["regret"]["value"]
        assert regret == pytest.approx(best - record["metrics"]["accuracy"]["value"])


def test_a_trial_leaves_its_questions(table_root: Path, scratch: Path) -> None:
    """The best of what was asked is the architecture and the accuracy of the record."""
    answer = searched(table_root, scratch / "run")
    for record in answer["trials"]:
        (folder,) = [
            path.parent
            for path in (scratch / "run" / "trials").glob("*/record.json")
            if record["trial_key"][:12] in path.parent.name
        ]
        asked = read_evaluations(folder)
        best = max(asked, key=lambda each: each.accuracy)
        assert [each.number for each in asked] == list(range(40))
        assert record["architecture"]["architecture"] == best.architecture
        assert record["metrics"]["accuracy"]["value"] == best.accuracy


def test_finished_trials_are_kept(table_root: Path, scratch: Path) -> None:
    """A second run resumes: it runs what has no record, and touches nothing else."""
    folder = scratch / "run"
    first = searched(table_root, folder)
    records = sorted(folder.glob("trials/*/record.json"))
    before = {path: path.read_bytes() for path in records}
    records[0].unlink()
    second = searched(table_root, folder)
    assert (first["finished_earlier"], second["finished_earlier"]) == (0, 5)
    assert all(path.read_bytes() == before[path] for path in records[1:])
    again = json.loads(records[0].read_text())
    assert again["metrics"] == json.loads(before[records[0]])["metrics"]


def test_a_report_tells_a_table_apart(table_root: Path, scratch: Path) -> None:
    """Tables have the mark of what was looked up, and explain it; the page can be written."""
    searched(table_root, scratch / "run")
    result = harness("report", scratch / "run", "--format", "md")
    assert result.exit_code == 0
    assert "†" in result.stdout
    assert "looked up in a table of what others have measured" in result.stdout
    assert "measured |" not in result.stdout
    page = harness("report", scratch / "run", "--format", "html")
    assert page.exit_code == 0, page.output
    compared = harness("compare", scratch / "run", scratch / "run").stdout
    assert "† looked up in a table" in compared
    assert re.search(r"\d†", compared)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-m", "darts", *TABLE], "method 'darts' does not fit the space 'nasbench201'"),
        (["-m", "local-search"], "search 'local-search' does not fit the space 'metanas'"),
        (["-m", "random", *TABLE[2:]], "say --space nasbench201"),
        (
            ["-m", "random", *TABLE[:2], "--dataset", "dots"],
            "no supernet to train on data set 'dots'",
        ),
        (["-m", "random", *TABLE, "-d", "jetson"], "no memory or time of device 'jetson'"),
        (["-m", "random", *TABLE, "--budget", "memory_mb=9"], "nothing takes memory"),
        (["-m", "random", *TABLE, "--recipe", "weight_lr=1"], "a table has no recipe"),
        (
            ["-m", "random", "--dataset", "dots", "--budget", "evaluations=9"],
            "are for black-box searches",
        ),
        (["-m", "random", "--space", "nasbench20"], "did you mean 'nasbench201'"),
        (["-m", "evolution[sample=31]", *TABLE], "sample=31 is more than population=30"),
        (
            ["-m", "evolution", *FRONT],
            "search 'evolution' looks for one number, and 'accuracy,latency' is a front",
        ),
        (["-m", "random", *TABLE, *FRONT[4:]], "such as nasbench201[latency=raspi4]"),
        (["-m", "random", *TABLE, "--limit", "latency=9"], "without the latencies"),
        (
            ["-m", "darts", "--dataset", "dots", "--objective", "accuracy,flops"],
            "is for black-box searches that a table answers",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str], message: str, table_root: Path, scratch: Path, toy_plugin: Path
) -> None:
    """One sentence names what does not fit, and nothing is written."""
    result = harness("run", *arguments, "--data-root", table_root)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not (scratch / "results").exists()


def test_a_benchmark_of_a_table_is_refused() -> None:
    """There are no search steps to run."""
    result = harness("bench", "-m", "random", *TABLE)
    assert result.exit_code == 2
    assert "has no supernet, which a benchmark needs" in result.stderr


def test_a_search_that_fails_is_a_record(
    table_root: Path, scratch: Path, plugin_factory: Any
) -> None:
    """What a stranger's search raises ends its trial, with message and question, and no other."""
    plugin_factory(
        "stuck",
        "from harness import hookimpl\n\n"
        "class Stuck:\n"
        "    def start(self, task):\n        print('hello')\n"
        "    def ask(self):\n        return 'nowhere'\n\n"
        "@hookimpl\ndef harness_register_searches(register):\n"
        "    register('stuck', 'stuck:Stuck')\n",
    )
    wanted = ["-m", "stuck", "-m", "random", *TABLE, "--budget", "evaluations=5"]
    result = harness("run", *wanted, "--data-root", table_root, "-o", scratch / "run", "--json")
    assert result.exit_code == 1
    stuck, random = json.loads(result.stdout)["trials"]
    assert (stuck["status"], random["status"]) == ("error", "ok")
    assert stuck["error"]["message"].endswith("(evaluation 1)")
    assert "nowhere" in stuck["error"]["message"]
    (log,) = (scratch / "run" / "trials").glob("stuck*/log.txt")
    assert log.read_text().startswith("hello")


def test_other_budgets_are_as_they_were() -> None:
    """Without evaluations a budget is written as before, so that keys and records stay."""
    for budget in NAMED_BUDGETS.values():
        assert "evaluations" not in budget.model_dump()
    asked = Budget(evaluations=300)
    assert Budget.model_validate_json(asked.model_dump_json()) == asked
    assert budget_label(asked, "tabular") == "evaluations=300"


def ran(wanted: list[str], root: Path, folder: Path) -> Result:
    budget = ["--budget", "evaluations=60"]
    return harness("run", *wanted, *budget, "--data-root", root, "-o", folder, "--json")


def test_a_front_is_in_record_report_and_frame(table_root: Path, scratch: Path) -> None:
    """Hypervolume is a metric like any other; what the front is made of stands in a table."""
    wanted = ["-m", "nsga2", "-m", "random", *FRONT, "--limit", "latency=30,parameters=0.9"]
    result = ran(wanted, table_root, scratch / "run")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    for record in answer["trials"]:
        assert record["dataset"]["objective"] == {
            "front": ["latency"],
            "limits": {"latency": 30, "parameters": 0.9},
        }
        assert 0 < record["metrics"]["hypervolume"]["value"] <= 100
        front = [(each["accuracy"], each["costs"]["latency"]) for each in record["front"]]
        assert front == sorted(front, reverse=True)
        assert all(slow <= 30 for _, slow in front)
    assert {row["conditions"] for row in answer["rows"]} == {
        "accuracy,latency, latency≤30, parameters≤0.9, space nasbench201"
    }
    pictures = scratch / "pictures"
    command = ("report", scratch / "run", "--format", "md", "--pictures", pictures)
    report = harness(*command).stdout
    _check_picture((pictures / "fronts.svg").read_text(), answer["trials"])
    assert harness("report", scratch / "run", "-o", scratch / "page.html").exit_code == 0
    assert "Accuracy that each cost allows" in (scratch / "page.html").read_text("utf-8")
    assert "## Fronts" in report
    assert "hypervolume (%)" in report
    frame = load(scratch / "run").frame()
    assert {"hypervolume", "latency"} <= set(frame["metric"])
    (folder, _) = sorted((scratch / "run" / "trials").iterdir())
    header = (folder / "evaluations.csv").read_text().splitlines()[0]
    assert header == "number,architecture,accuracy,latency,parameters"
    assert len(read_evaluations(folder)[0].costs) == 2


def test_a_search_may_find_nothing_within_its_limits(table_root: Path, scratch: Path) -> None:
    """The line of the trial says so; it is found again, reported and compared like any other."""
    wanted = ["-m", "random", *FRONT[:4], "--limit", "latency=6", "--budget", "evaluations=3"]
    command = ("run", *wanted, "--data-root", str(table_root), "-o", str(scratch / "run"))
    for _ in range(2):
        result = harness(*command)
        assert result.exit_code == 0, result.output
        assert "ok, nothing within the limits was found" in result.stderr
    page = harness("report", scratch / "run", "-o", scratch / "page.html")
    assert page.exit_code == 0, page.output
    compared = harness("compare", scratch / "run", scratch / "run")
    assert compared.exit_code == 0, compared.output


def _check_picture(drawn: str, records: list[dict[str, Any]]) -> None:
    """Both searches stand beside the table's own front, with what of its volume they found."""
    words = " ".join(re.sub(r"<[^>]*>", " ", drawn).split())
    own = [(each["accuracy"], each["costs"]["latency"]) for each in records[0]["table_front"]]
    for record in records:
        for each in record["front"]:
            accuracy, latency = each["accuracy"], each["costs"]["latency"]
            assert any(a >= accuracy and cost <= latency for a, cost in own)
        volume = record["metrics"]["hypervolume"]["value"]
        assert f"{record['method']['name']} {volume:.1f} %" in words
    for said in ("latency (ms)", "the table's own", "Grey dots: the front of the whole table."):
        assert said in words


def test_a_weighted_objective_has_a_reward(table_root: Path, scratch: Path) -> None:
    """Regret is then what the best reward lacks to the best of the table."""
    wanted = ["-m", "evolution", *FRONT[:4], "--objective", "accuracy*(latency/10)^-0.5"]
    result = ran(wanted, table_root, scratch / "run")
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)["trials"]
    metrics = {name: each["value"] for name, each in record["metrics"].items()}
    reward = metrics["accuracy"] * (metrics["latency"] / 10) ** -0.5
    assert metrics["reward"] == pytest.approx(reward)
    assert metrics["regret"] >= 0
    assert "hypervolume" not in metrics
