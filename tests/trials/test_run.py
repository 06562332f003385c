"""Whole runs of a third-party plugin through the command line, however they end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli

pytestmark = pytest.mark.usefixtures("toy_plugin", "scratch")

SMALL = "search_steps=4,tasks=2"


def harness(*arguments: str) -> Result:
    """Call `harness run` on the random images of the plugin."""
    return CliRunner().invoke(
        cli, ["run", "--dataset", "dots", "--budget", SMALL, "-o", "out", *arguments]
    )


def answer(*arguments: str) -> dict[str, Any]:
    """Call it with `--json`, and read what it prints on standard output."""
    result = harness(*arguments, "--json")
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    answered: dict[str, Any] = json.loads(result.stdout)
    return answered


def snapshot(folder: Path) -> dict[str, bytes]:
    """The bytes of every record."""
    return {str(path): path.read_bytes() for path in folder.rglob("record.json")}


def test_a_run_leaves_a_plan_and_a_folder_a_trial(scratch: Path) -> None:
    """Each trial leaves its record, its steps, its architectures and its log."""
    result = harness("-m", "toy", "-m", "toy[does=print]", "--seed", "0-1")
    assert result.exit_code == 0, result.output
    assert "Records are in out" in result.stdout
    plan = json.loads((scratch / "out" / "plan.json").read_text(encoding="utf-8"))
    folders = [scratch / "out" / "trials" / trial["folder"] for trial in plan["trials"]]
    assert len(folders) == 4
    for folder in folders:
        steps = (folder / "steps.jsonl").read_text(encoding="utf-8").splitlines()
        assert len(steps) == 8
        assert set(json.loads(steps[0])) == {
            "task", "step", "loss", "accuracy", "memory_bytes", "seconds",
        }  # fmt: skip
        assert len(json.loads((folder / "architecture.json").read_text(encoding="utf-8"))) == 2
    logs = "".join((folder / "log.txt").read_text(encoding="utf-8") for folder in folders)
    assert logs.count("seen in the log") == 4  # two seeds, two tasks each


def test_a_record_says_what_was_allowed_and_what_was_used() -> None:
    """A finished trial has its metrics with unit and source, and its use of the budget."""
    (record,) = answer("-m", "toy")["trials"]
    assert record["status"] == "ok"
    assert record["budget"]["allowed"]["search_steps"] == 4
    assert record["budget"]["used"]["search_steps"] == 4
    assert record["budget"]["used"]["tasks"] == 2
    assert record["metrics"]["peak_memory"]["source"] == "measured"
    # 64 x 5 weights and 5 biases, in float32.
    assert record["metrics"]["storage"]["value"] * 2**20 == (64 * 5 + 5) * 4
    assert record["metrics"]["search_time"]["value"] > 0
    assert 0 <= record["metrics"]["accuracy"]["value"] <= 100
    assert record["timing"]["host_share"] >= 0


def test_a_second_call_runs_nothing_and_touches_nothing(scratch: Path) -> None:
    """Finished trials are skipped, and their records keep every byte."""
    harness("-m", "toy", "--seed", "0-1")
    before = snapshot(scratch)
    again = answer("-m", "toy", "--seed", "0-2")
    assert again["finished_earlier"] == 2
    assert len(again["trials"]) == 3
    assert {name: snapshot(scratch)[name] for name in before} == before


def test_no_resume_repeats_to_the_last_bit() -> None:
    """The same trial again has the same accuracy, memory and architecture."""
    first = answer("-m", "toy", "--no-resume")
    second = answer("-m", "toy", "--no-resume")
    assert second["run_folder"] == "out-2"
    for one, two in zip(first["trials"], second["trials"], strict=True):
        assert one["metrics"]["accuracy"] == two["metrics"]["accuracy"]
        assert one["metrics"]["peak_memory"] == two["metrics"]["peak_memory"]
        assert one["architecture"] == two["architecture"]


@pytest.mark.parametrize(
    ("method", "options", "status", "says", "exit_code"),
    [
        ("toy[does=nan]", [], "error", "nan at task 1, search step 3", 1),
        ("toy[does=raise]", [], "error", "a method's own mistake (task 1, search step 3)", 1),
        ("toy[does=twice,at=1]", [], "error", "once, not twice", 1),
        ("toy[does=exit]", [], "error", "ended with exit status 7 in task 1", 1),
        ("toy[does=die]", [], "error", "by signal SIGKILL", 1),
        ("toy[does=hog]", ["-d", "jetson"], "out_of_memory", "limit is 640.0 MiB", 0),
        ("toy[does=swallow]", ["-d", "jetson"], "ok", None, 0),
        ("toy[does=hog]", ["--budget", SMALL + ",memory_mb=9"], "over_budget", "limit is 9.0", 1),
        ("toy[does=swallow]", ["--budget", SMALL + ",memory_mb=9"], "over_budget", "_mb=9", 1),
        ("toy[does=hang]", ["--budget", SMALL + ",wall_clock_s=1"], "over_budget", "is used up", 1),
    ],
)  # fmt: skip
def test_a_trial_that_goes_wrong_is_a_row_and_the_others_go_on(
    method: str, options: list[str], status: str, says: str | None, exit_code: int
) -> None:
    """Whatever a method does, its trial ends with a status and a reason, and the next one runs."""
    result = harness("-m", method, "-m", "toy", *options, "--json")
    bad, good = json.loads(result.stdout)["trials"]
    assert bad["status"] == status
    assert good["status"] == "ok"
    assert (bad["error"] or {}).get("message") is says or says in bad["error"]["message"]
    assert result.exit_code == exit_code


def test_what_did_not_fit_has_no_peak() -> None:
    """Out of memory, the peak is unknown: null, not the limit and not zero."""
    (record,) = answer("-m", "toy[does=hog]", "-d", "jetson")["trials"]
    assert record["metrics"]["peak_memory"]["value"] is None
    assert record["device"]["mode"] == "emulated"
    assert record["metrics"]["search_time"] == {"value": None, "unit": "s", "source": "predicted"}


def test_an_emulation_of_the_device_itself_is_marked() -> None:
    """With --mode emulated nothing of a trial is called measured, on the machine itself too."""
    (record,) = answer("-m", "toy", "--mode", "emulated")["trials"]
    assert (record["device"]["name"], record["device"]["mode"]) == ("cpu", "emulated")
    assert {metric["source"] for metric in record["metrics"].values()} == {"emulated", "predicted"}


def test_a_board_of_a_file_holds_a_trial_to_its_limit(
    scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that HARNESS_DEVICES names is emulated in the trial's own process too."""
    profile = """
        name = "tiny"
        model = "A board with 9 MiB"
        kind = "cpu"
        memory = {total_bytes = 9_437_184, system_bytes = 0, reserved_bytes = 0}
        [sources]
        memory = {total_bytes = "made up", system_bytes = "made up", reserved_bytes = "made up"}
    """
    (scratch / "tiny.toml").write_text(profile, encoding="utf-8")
    monkeypatch.setenv("HARNESS_DEVICES", "tiny.toml")
    (bad, good) = answer("-m", "toy[does=hog]", "-m", "toy", "-d", "tiny")["trials"]
    assert (bad["status"], good["status"]) == ("out_of_memory", "ok")
    assert "limit is 9.0 MiB" in bad["error"]["message"]
    assert (good["device"]["mode"], good["device"]["memory_limit_bytes"]) == ("emulated", 9 * 2**20)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-m", "toi"], "did you mean 'toy'"),
        (["-m", "toy[dose=well]"], "did you mean 'does'"),
        (["-m", "toy[does=well"], "toy[does=well"),
        (["-m", "toy", "-d", "jetsen"], "did you mean 'jetson'"),
        (["-m", "toy", "--dataset", "dotz"], "did you mean 'dots'"),
        (["-m", "toy", "--ways", "21"], "20"),
        (["-m", "toy", "--ways", "0"], "0 is not in the range"),
        (["-m", "toy", "--shots", "30", "--queries", "11"], "40"),
        (["-m", "toy", "--budget", "tasks=0"], "tasks=0"),
        (["-m", "toy", "--seed", "2-0"], "backwards"),
        (["-m", "toy", "--dataset", "omniglot", "--data-root", "nowhere"], "nowhere"),
        ([], "no method"),
        (["suites/none.toml"], "there is no suite file"),
        (["non-suite"], "unknown suite 'non-suite'"),
    ],
)
def test_bad_input_is_a_sentence_and_leaves_nothing(
    scratch: Path, arguments: list[str], says: str
) -> None:
    """A mistake gets one sentence on standard error, exit status 2, and no run folder."""
    result = harness(*arguments)
    assert result.exit_code == 2, result.output
    assert says in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""
    assert list(scratch.iterdir()) == []


def test_a_suite_file_is_run_and_options_go_before_it(scratch: Path) -> None:
    """A suite names the trials; an option replaces what it says; the run is named after it."""
    suite = '[[trials]]\nmethods = ["toy"]\ndatasets = ["dots"]\nseeds = "0-1"\nbudget = "quick"\n'
    (scratch / "mine.toml").write_text(suite, encoding="utf-8")
    result = CliRunner().invoke(cli, ["run", "mine.toml", "--budget", SMALL, "--json"])
    answered = json.loads(result.stdout)
    assert [record["seed"] for record in answered["trials"]] == [0, 1]
    assert answered["trials"][0]["budget"]["allowed"]["tasks"] == 2
    assert answered["run_folder"].startswith("results/mine-")
