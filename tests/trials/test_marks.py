"""Nothing emulated or predicted can be taken for measured, in whatever format it is shown."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from harness.cli.main import cli

pytestmark = pytest.mark.usefixtures("toy_plugin")

COMMON = ["-m", "toy", "--dataset", "dots", "-d", "rtx3090", "--budget"]
RUN = ["run", *COMMON, "search_steps=2,tasks=2", "-o", "out"]
ESTIMATE = ["estimate", *COMMON, "search_steps=2"]


@pytest.fixture(autouse=True)
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder, with an empty cache."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path


def invoke(arguments: list[str]) -> str:
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def numbers(table: str, *, asked: int) -> list[str]:
    """Every number in a table's only row, with its marks, behind `asked` that were asked for."""
    (row,) = [line for line in table.splitlines() if line.lstrip().startswith("toy")]
    words = re.split(r"[\s()]+", row.split("1-shot", 1)[1])
    return [word for word in words if re.search(r"\d", word) and word != "rtx3090"][asked:]


def test_a_table_of_runs_marks_every_number() -> None:
    """Beside each number of an emulated device there is a mark, and the marks are explained."""
    text = invoke(RUN)
    found = numbers(text, asked=1)  # seeds
    assert [number for number in found if number.startswith("~")] == [found[-1]]
    assert all(number.endswith("*") for number in found[:-1])
    assert len(found) == 5  # memory, storage, accuracy, its interval, time
    assert "rtx3090 (emulated)" in text
    assert re.search(r"^\* emulated", text, re.MULTILINE)
    assert re.search(r"^~ predicted", text, re.MULTILINE)


def test_every_metric_of_a_record_has_its_source(scratch: Path) -> None:
    """Records and JSON say of each metric that it was emulated or predicted, never measured."""
    answer = json.loads(invoke([*RUN, "--json"]))
    (path,) = scratch.glob("out/**/record.json")
    for record in (json.loads(path.read_text("utf-8")), *answer["trials"]):
        assert record["device"]["mode"] == "emulated"
        sources = {name: metric["source"] for name, metric in record["metrics"].items()}
        assert sources.pop("search_time") == "predicted"
        assert set(sources.values()) == {"emulated"}
    (row,) = answer["rows"]
    assert (row["mode"], row["search_time_source"]) == ("emulated", "predicted")
    assert row["search_time_s"] is not None


def test_an_estimate_marks_every_number() -> None:
    """In the table of estimates each number has the mark of a prediction."""
    text = invoke(ESTIMATE)
    found = numbers(text, asked=2)  # channels, steps
    assert len(found) == 5  # memory, storage, time and its band
    assert all(number.startswith("~") for number in found)
    assert re.search(r"^~ predicted", text, re.MULTILINE)


def test_a_report_marks_every_number() -> None:
    """What a run and a kept estimate have left is marked in reports as it was when printed."""
    invoke(RUN)
    invoke([*ESTIMATE, "-o", "estimate"])
    *others, time = reported("out", after="seeds")
    assert len(others) == 4  # memory, storage, accuracy, its interval
    assert all(number.endswith("*") for number in others)
    assert time.startswith("~")
    predicted = reported("estimate", after="steps")
    assert len(predicted) == 4  # memory, the lowest too, storage, time
    assert all(number.startswith("~") for number in predicted)


def reported(folder: str, after: str) -> list[str]:
    """Every number behind a column in the only row of a report, with its marks."""
    lines = [line for line in invoke(["report", folder]).splitlines() if line.startswith("|")]
    headings, _, row = ([cell.strip() for cell in line.split("|")] for line in lines)
    return [cell for cell in row[headings.index(after) + 1 :] if re.search(r"\d", cell)]


def test_every_number_of_an_estimate_has_its_source() -> None:
    """In JSON, whatever has a value says that it is predicted."""
    found = valued(json.loads(invoke([*ESTIMATE, "--json"])))
    assert len(found) == 3
    assert all(each["value"] is not None for each in found)
    assert {each["source"] for each in found} == {"predicted"}


def valued(node: Any) -> list[dict[str, Any]]:
    """Every table with a value in a JSON document."""
    if isinstance(node, list):
        return [found for each in node for found in valued(each)]
    if not isinstance(node, dict):
        return []
    own = [node] if "value" in node else []
    return own + [found for each in node.values() for found in valued(each)]


def test_the_numbers_of_a_cost_model_say_what_they_are() -> None:
    """`harness show` says of a cost model that times from it are predicted."""
    assert "times from it are predicted" in invoke(["show", "rtx3090"])


def test_uncounted_memory_is_missing() -> None:
    """A run that leaves counting out has no peak memory, in no place; others have."""
    run = [*RUN, "--json", "--no-count-memory"]
    run[run.index("rtx3090")] = "cpu"
    (record,) = json.loads(invoke(run))["trials"]
    assert record["metrics"]["peak_memory"]["value"] is None
    assert record["budget"]["used"]["memory_mb"] is None
    assert {task["peak_memory_bytes"] for task in record["tasks"]} == {None}
    assert record["metrics"]["search_time"]["value"] > 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-d", "jetson"], "device 'jetson'"),
        (["--budget", "memory_mb=10"], "the budget's memory_mb"),
    ],
)
def test_a_limit_needs_counting(arguments: list[str], words: str) -> None:
    """Where memory is limited, leaving out the counting is refused in a sentence."""
    command = ["run", "-m", "toy", "--dataset", "dots", "--no-count-memory", *arguments]
    result = CliRunner().invoke(cli, command)
    assert result.exit_code == 2
    assert words in result.stderr
