"""`harness compare` as people and CI call it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
import pytest
from click.testing import CliRunner, Result

from harness.cli.main import cli
from harness.comparison.comparing import Verdict
from harness.comparison.pairs import ALLOWANCES
from harness.metrics import METRICS
from harness.results.record import Record

Write = Callable[..., Path]
MakeRecord = Callable[..., Record]


def harness(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["compare", *map(str, arguments)])


@pytest.fixture
def runs(tmp_path: Path, make_record: MakeRecord, write_run: Write) -> tuple[Path, Path]:
    """B needs a fifth more memory, and is as accurate as A."""
    a = write_run(tmp_path / "a", make_record(), make_record(label="m[q=1]"))
    b = write_run(tmp_path / "b", make_record(memory=[120.0] * 12), make_record(label="m[q=2]"))
    return a, b


def line_of(text: str, word: str) -> str:
    return next(line for line in text.splitlines() if word in line)


def test_a_comparison_is_printed_by_metric(runs: tuple[Path, Path]) -> None:
    """Each row has both values, the difference and the verdict; what has no partner is named."""
    result = harness(*runs)
    assert result.exit_code == 0, result.output
    row = line_of(result.stdout, "100.0")
    assert row.split() == [
        *("m", "dots", "5-way", "1-shot", "board", "(measured)"),
        *("100.0", "120.0", "+20.00", "+20.00", "–", "exact", "worse"),
    ]
    assert "Only in A: m[q=1] on dots 5-way 1-shot, board (measured)." in result.stdout
    assert "Only in B: m[q=2]" in result.stdout


def test_json_has_the_same(runs: tuple[Path, Path]) -> None:
    """Programs get every number unrounded, with unit, direction and source."""
    answer = json.loads(harness(*runs, "--json").stdout)
    memory = answer["rows"][0]["metrics"]["memory"]
    assert memory["a"] == {"value": 100.0, "source": "measured", "fits": None}
    assert (memory["relative"], memory["verdict"], memory["better_is"]) == (0.2, "worse", "less")
    assert memory["unit"] == "MiB"
    assert not answer["has_failed"]


@pytest.mark.parametrize(
    ("limits", "status"), [("2%", 1), ("20%", 0), ("memory=5%,accuracy=2", 1), ("accuracy=2", 0)]
)
def test_ci_fails_if_something_is_worse(runs: tuple[Path, Path], limits: str, status: int) -> None:
    """Exit status 1 if anything is shown to be worse by more than is tolerated, and it is named."""
    result = harness(*runs, "--fail-if-worse", limits)
    assert result.exit_code == status
    told = "Worse than is tolerated: m on dots 5-way 1-shot, board: memory."
    assert (told in result.stdout) is bool(status)


def test_emulated_and_predicted_numbers_bear_their_marks(
    tmp_path: Path, make_record: MakeRecord, write_run: Write
) -> None:
    """Nothing of an emulated device is printed as measured."""
    folder = write_run(tmp_path / "a", make_record(mode="emulated"))
    text = harness(folder, folder).stdout
    assert "100.0*" in text
    assert "~2.00" in text
    assert "* emulated" in text
    assert "~ predicted" in text


def test_what_is_not_comparable_is_refused_or_labelled(
    tmp_path: Path, make_record: MakeRecord, write_run: Write
) -> None:
    """Exit status 2 with a sentence that names the option; with it, each row has a mark."""
    a = write_run(tmp_path / "a", make_record())
    b = write_run(tmp_path / "b", make_record(budget={"search_steps": 3}))
    refused = harness(a, b)
    assert refused.exit_code == 2
    assert "--allow budget" in refused.stderr
    assert "search_steps is 10 in A and 3 in B" in refused.stderr
    allowed = harness(a, b, "--allow", "budget")
    assert allowed.exit_code == 0
    assert line_of(allowed.stdout, "100.0").rstrip().endswith("no difference shown ‡")
    told = "‡ the budget's search_steps is 10 in A and 3 in B (m on dots 5-way 1-shot, board)."
    assert told in allowed.stdout


def test_each_difference_is_allowed_by_the_option_that_the_refusal_names(
    tmp_path: Path, make_record: MakeRecord, write_run: Write
) -> None:
    """No refusal advises an option that is then refused itself."""
    a = write_run(tmp_path / "a", make_record())
    for kind in ALLOWANCES:
        assert harness(a, a, "--allow", kind).exit_code == 0, kind
    b = write_run(tmp_path / "b", make_record(dataset={"evaluation": "transductive"}))
    assert "--allow conditions compares them" in harness(a, b).stderr
    assert "‡" in harness(a, b, "--allow", "conditions").stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing argument"),
        (("a",), "two folders, not 1"),
        (("a", "a", "a"), "two folders, not 3"),
        (("a", "none"), "none does not exist"),
        (("a", "a", "--suite", "table2"), "--suite is for --paper"),
        (("a", "a", "--paper"), "one folder, not 2"),
        (("a", "--paper", "--fail-if-worse", "2%"), "are for two folders"),
        (("a", "--paper"), "no published numbers are known"),
        (("a", "--paper", "--suite", "tabel2"), "did you mean 'table2'"),
        (("a", "a", "--fail-if-worse", "2"), "cannot be read"),
        (("a", "a", "--allow", "everything"), "'everything' is not one of"),
        (("a", "empty"), "holds no run and no estimate"),
    ],
)
def test_wrong_usage_is_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    make_record: MakeRecord,
    write_run: Write,
    arguments: tuple[str, ...],
    says: str,
) -> None:
    """Exit status 2, and what would be right."""
    monkeypatch.chdir(tmp_path)
    write_run(tmp_path / "a", make_record())
    (tmp_path / "empty").mkdir()
    result = harness(*arguments)
    assert result.exit_code == 2
    assert says in result.stderr


def test_what_cannot_be_read_is_named(
    tmp_path: Path, make_record: MakeRecord, write_run: Write
) -> None:
    """A broken record is told on standard error, all else is compared, and the status is 1."""
    a = write_run(tmp_path / "a", make_record(), make_record(seed=1))
    (a / "trials" / "trial-0001" / "record.json").write_text("{", encoding="utf-8")
    result = harness(a, a)
    assert result.exit_code == 1
    assert "trial-0001" in result.stderr
    assert "no difference shown" in result.stdout


def test_a_strangers_text_is_only_text(
    tmp_path: Path, make_record: MakeRecord, write_run: Write
) -> None:
    """Markup and control characters of a label do nothing to the terminal."""
    folder = write_run(tmp_path / "a", make_record(label="[red]m\x1b[31m\nnext"))
    text = harness(folder, folder).stdout
    assert "\x1b" not in text
    assert "[red]m" in text


def test_the_paper_beside_a_run(tmp_path: Path, make_record: MakeRecord, write_run: Write) -> None:
    """Every published row is printed with ours, the difference in percent, and a line in sum."""
    part: dict[str, Any] = {
        "label": "metanas", "device": "jetson", "mode": "emulated",
        "dataset": {"label": "miniimagenet", "name": "miniimagenet", "shots": 5},
    }  # fmt: skip
    run = write_run(tmp_path / "a", make_record(**part), suites=["storage"])
    result = harness(run, "--paper")
    assert result.exit_code == 0, result.output
    cells = line_of(result.stdout, "metanas").split()
    assert cells[-3:] == ["1.00*", "2.6", "−61.54"]
    assert line_of(result.stdout, "onnas ").split()[-3:] == ["–", "0.6", "–"]
    assert (
        "storage: 1 of 2 published numbers compared, mean absolute difference 61.5 %, "
        "largest 61.5 %." in result.stdout
    )
    assert "Scaled budget" in result.stdout
    assert "2.59 MB" in result.stdout
    answer = json.loads(harness(run, "--paper", "--json").stdout)
    assert answer["suites"][0]["rows"][0]["published"]["value"] == 2.6


def test_every_option_and_verdict_is_documented() -> None:
    """docs/compare.md tells of each option, metric and verdict."""
    text = (Path(__file__).parents[2] / "docs" / "compare.md").read_text(encoding="utf-8")
    command = cli.get_command(click.Context(cli), "compare")
    assert command is not None
    options = [name for each in command.params for name in each.opts if name.startswith("--")]
    for word in (
        *options,
        *(metric.short for metric in METRICS.values()),
        *get_args(Verdict),
        *ALLOWANCES,
    ):
        assert word in text, word


def test_help_waits_for_nothing_slow(
    run_python: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """Neither torch nor scipy is imported to say what the command takes."""
    code = (
        "import atexit, sys; from harness.cli.main import main;"
        "atexit.register(lambda: print({'torch', 'scipy'} & set(sys.modules), file=sys.stderr));"
        "sys.argv[1:] = ['compare', '--help']; main()"
    )
    result = run_python("-c", code)
    assert (result.returncode, result.stderr) == (0, "set()\n")
