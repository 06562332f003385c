"""`harness claim` as a person types it: the list, the ledger, one claim, and what is wrong."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import harness
from harness.claims import checking as running
from harness.claims.checking import ClaimRequest
from harness.claims.evidence import VERDICTS
from harness.cli.main import cli
from harness.executors.base import ExecutorOptions
from harness.plugins.loading import Plugins, load_plugins
from harness.results.record import Record
from harness.trials.record_writer import SilentListener
from harness.trials.runner import RunResult

ROOT = Path(__file__).parents[2]
QUICK = "quick,meta_epochs=0,warmup_epochs=0,search_steps=1,tasks=2,channels=4"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["claim", *arguments])


def answer(*arguments: str) -> Any:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No results lie where claims look for them by default."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def run_folder(tmp_path: Path, make_record: Callable[..., Record]) -> Path:
    """A run of On-NAS and DARTS in which every task differs by about ten points."""
    worse = [50.0 + 3 * n for n in range(12)]
    better = [each + 10 + (n % 3) for n, each in enumerate(worse)]
    folder = tmp_path / "run"
    for label, values in (("onnas", better), ("darts", worse)):
        for seed in range(3):
            record = make_record(label, values, seed)
            place = folder / "trials" / record.trial_key
            place.mkdir(parents=True)
            (place / "record.json").write_text(record.model_dump_json(by_alias=True))
    (folder / "plan.json").write_text('{"schema": 1, "trials": []}')
    return folder


def test_claims_are_listed() -> None:
    """Each claim of every plugin is a row; as JSON it has its whole file."""
    result = invoke()
    assert result.exit_code == 0
    assert "memory-darts" in result.stdout
    listed = answer()
    assert len(listed) >= 20
    assert listed[0]["check"]["kind"] == "ratio"


def test_one_claim_is_told_in_full() -> None:
    """With what was published, ours, the reason, and the command that comes to it again."""
    result = invoke("onnas", "storage-large")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == "onnas storage-large: holds"
    assert any(line.split()[:2] == ["published", "about"] for line in lines)
    assert lines[-1].endswith("harness claim onnas storage-large")


def test_records_decide_and_are_named(run_folder: Path) -> None:
    """A claim about accuracy rests on the records of a folder, which its command names."""
    name = "accuracy-darts-omniglot-5-shot"
    (nothing,) = answer("onnas", name)["claims"]
    assert nothing["verdict"] == "not shown either way"
    assert nothing["reason"] == "Nothing of it has been run."
    (told,) = answer("onnas", name, "--from", str(run_folder))["claims"]
    assert told["verdict"] == "holds"
    assert told["ours"]["mode"] == "emulated"
    assert told["budget"] == "small"
    assert len(told["records"]) == 6
    assert f"--from {shlex.quote(str(run_folder))}" in told["command"]
    (again,) = answer(*shlex.split(told["command"])[2:])["claims"]
    assert again == told


def test_a_report_begins_with_the_ledger(run_folder: Path) -> None:
    """It has the claims that its records say something of, and no others."""
    result = CliRunner().invoke(cli, ["report", str(run_folder)])
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("## Claims about onnas")
    ledger_part = result.stdout.partition("\n## ")[2].partition("\n## ")[0]
    assert "accuracy-darts-omniglot-5-shot" in result.stdout
    assert "storage-large" not in ledger_part
    page = harness.load(run_folder).report(run_folder / "report.md")
    assert page.read_text(encoding="utf-8").startswith("## Claims about onnas")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with Omniglot, of drawn noise: nobody asks what it shows."""
    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for label in range(6):
            place = tmp_path / "data" / "omniglot" / split / f"{label:02d}"
            place.mkdir(parents=True)
            for number in range(20):
                pixels = random.integers(0, 256, (28, 28), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{number:02d}.png")
    return tmp_path / "data"


def test_what_is_missing_is_asked_for_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Claims of one setting share a block of trials, at the budget that is named."""
    asked: list[Any] = []

    def run_nothing(plugins: Plugins, request: Any, progress: object, say: object) -> RunResult:
        asked.append(request)
        return RunResult(request.output, {})

    monkeypatch.setattr(running, "run_trials", run_nothing)
    request = ClaimRequest(method="onnas", data_root=data, cache_root=tmp_path / "c")
    told: list[str] = []
    running.run_missing(
        load_plugins(),
        request,
        QUICK,
        ExecutorOptions(),
        progress=lambda _: nullcontext(SilentListener()),
        say=told.append,
    )
    (wanted,) = asked
    assert wanted.output == Path("results/claims/onnas")
    blocks = {(block.datasets[0], block.shots, block.devices[0]): block for block in wanted.entries}
    assert blocks["omniglot", 5, "rtx3090"].methods == [
        "onnas", "darts", "metanas", "pcdarts", "proxylessnas", "onnas[q=7]",
        "onnas[task_coefficients=none,cell_coefficients=none]",
    ]  # fmt: skip
    assert {block.budget for block in wanted.entries} == {QUICK}
    assert {block.ways for block in wanted.entries} == {5}
    assert any("miniimagenet is passed over" in sentence for sentence in told)


@pytest.mark.slow
def test_what_is_missing_is_run(data: Path, tmp_path: Path) -> None:
    """Trials go to an ordinary run folder, and the same command again runs nothing."""
    plugin = ["onnas", "accuracy-darts-omniglot-5-shot"]
    options = ["--run", "--budget", QUICK, "-o", "mine", "--data-root", str(data)]
    options += ["--cache-root", str(tmp_path / "cache")]
    (told,) = answer(*plugin, *options)["claims"]
    assert len(told["records"]) == 6
    assert told["verdict"] in VERDICTS
    again = invoke(*plugin, *options)
    assert again.exit_code == 0
    assert "Nothing is missing that could be run here." in again.stderr


def test_images_that_are_not_at_hand_are_passed_over(tmp_path: Path) -> None:
    """A claim about them is not shown, and a line says what is missing."""
    name = "accuracy-darts-miniimagenet-5-shot"
    result = invoke("onnas", name, "--run", "--cache-root", str(tmp_path), "--data-root", "empty")
    assert result.exit_code == 0, result.output
    assert "miniimagenet is passed over" in result.stderr
    assert "not shown either way" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["onnas", "nothing"], "unknown claim 'nothing' about onnas"),
        (["onas"], "unknown method 'onas'"),
        (["--run"], "name the method"),
        (["onnas", "--budget", "small"], "give --run with them"),
        (["onnas", "storage", "--from", "nowhere"], "nowhere does not exist"),
    ],
)
def test_wrong_usage_is_said(arguments: Sequence[str], message: str) -> None:
    """One sentence, and exit status 2."""
    result = invoke(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_each_verdict_comes_again_by_its_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ledger of On-NAS has a verdict on every claim, which the command it names reproduces."""
    monkeypatch.chdir(ROOT)
    told = answer("onnas")["claims"]
    assert len(told) >= 20
    assert {each["verdict"] for each in told} <= VERDICTS.keys()
    for each in told:
        words = shlex.split(each["command"])
        assert words[:2] == ["harness", "claim"]
        (again,) = answer(*words[2:])["claims"]
        assert (again["verdict"], again["reason"]) == (each["verdict"], each["reason"])
