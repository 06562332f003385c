"""`harness report` as a person calls it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape
from pathlib import Path
from typing import get_args

import click
import pytest
from click.testing import CliRunner, Result
from markdown_it import MarkdownIt

from harness.cli.main import cli
from harness.results.record import Record
from harness.results.summary import Missing

MakeRecord = Callable[..., Record]
WriteRun = Callable[..., Path]

HOSTILE = "</script><img src=x onerror=alert(1)>|`$(rm)`\\input{x}\x1b[31m[a](http://b)\n# _c_ & 1%"


def call(*arguments: str | Path) -> Result:
    """Call the command; a bug's exception is raised in the test."""
    return CliRunner().invoke(cli, ["report", *map(str, arguments)], catch_exceptions=False)


@pytest.fixture
def run(tmp_path: Path, make_record: MakeRecord, write_run: WriteRun) -> Path:
    """A run of two seeds, one of which failed."""
    return write_run(
        tmp_path / "run",
        [make_record(values={"accuracy": 60.0}), make_record(seed=1, status="error")],
    )


def test_markdown_goes_to_standard_output(run: Path) -> None:
    """Without more, the tables are printed, and nothing else is."""
    result = call(run)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.startswith("## All trials\n\n| method")
    assert call(run).stdout == result.stdout


@pytest.mark.parametrize(
    ("missing", "accuracy", "words"),
    [
        ("omit", "60.00 |", "are left out of the means: 1 of 2"),
        ("chance", "40.00 ± 28.28 |", "count in accuracy as guessing among the classes"),
        ("zero", "30.00 ± 42.43 |", "count in accuracy as 0 %"),
    ],
)
def test_what_a_failed_trial_counts_as_is_printed(
    run: Path, missing: str, accuracy: str, words: str
) -> None:
    """The choice changes the mean, and is told under the table."""
    result = call(run, "--missing", missing)
    assert accuracy in result.stdout
    assert words in result.stdout
    assert "1 of 2 error" in result.stdout
    assert "Failed with seed 1: Broken (search): it broke" in result.stdout


def test_the_name_of_the_output_tells_the_format(run: Path, tmp_path: Path) -> None:
    """A file is written whole, its folder made, and its path said."""
    path = tmp_path / "new" / "table.csv"
    result = call(run, "-o", path)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == f"The report is in {path}\n"
    assert path.read_text("utf-8").startswith("table,method,")


def test_several_formats_go_to_a_folder(run: Path, tmp_path: Path) -> None:
    """Each format has its own file there; without a folder it is wrong usage."""
    formats = ["--format", "md", "--format", "csv", "--format", "latex"]
    assert call(run, *formats, "-o", tmp_path / "out").exit_code == 0
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["report.csv", "report.md", "report.tex"]
    result = call(run, *formats)
    assert result.exit_code == 2
    assert "3 formats need a folder" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-o", "x.docx"], "does not end in .md, .csv, .tex, .html"),
        (["-o", "x.md", "--format", "csv"], "ends in .csv"),
        (["--format", "pdf"], "'pdf' is not one of"),
        (["--missing", "guess"], "'guess' is not one of"),
        (["--suite", "tabel2"], "did you mean 'table2'?"),
        (["--suite", "figure8"], "has no published numbers"),
    ],
)
def test_wrong_usage_is_said_in_a_sentence(run: Path, arguments: list[str], words: str) -> None:
    """A name that tells no format, or the wrong one, an unknown choice, an unknown suite."""
    result = call(run, *arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_an_empty_folder_is_wrong_usage(tmp_path: Path) -> None:
    """A folder without a run is told apart from one that is not there."""
    assert "holds no run" in call(tmp_path).stderr
    assert "does not exist" in call(tmp_path / "none").stderr
    assert call(tmp_path).exit_code == call(tmp_path / "none").exit_code == 2


def test_what_cannot_be_read_is_named_and_the_rest_reported(run: Path) -> None:
    """A corrupt record is named on standard error, with exit status 1, beside the whole report."""
    (run / "trials" / "bad\x1b[31m").mkdir()
    (run / "trials" / "bad\x1b[31m" / "record.json").write_text("{", encoding="utf-8")
    result = call(run)
    assert result.exit_code == 1
    assert "60.00" in result.stdout
    (line,) = result.stderr.splitlines()
    assert line.startswith("Warning: ")
    assert "record.json is left out: it is not JSON" in line
    assert "\x1b" not in line


def test_a_strangers_text_is_shown_as_it_is(
    tmp_path: Path, make_record: MakeRecord, write_run: WriteRun
) -> None:
    """Labels and messages from a record are no markup in Markdown and no command in LaTeX."""
    error = {"type": "E", "message": HOSTILE, "stage": "search"}
    bad = make_record(HOSTILE, status="error", error=error, dataset={"label": HOSTILE})
    run = write_run(tmp_path / "run", [bad])
    text = call(run).stdout
    page = MarkdownIt("commonmark").enable("table").render(text)  # rich brings the parser
    assert set(re.findall(r"</?(\w+)", page)) == {
        "h2", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "p",
    }  # fmt: skip
    assert page.count("<tr>") == 2
    seen = unescape(page)
    assert "</script><img src=x onerror=alert(1)>|`$(rm)`\\input{x} [31m[a](http://b) # _c_" in seen
    assert "\x1b" not in text
    assert "http://" not in text  # GitHub makes links of what looks like one
    tex = call(run, "--format", "latex").stdout
    assert "\\input" not in tex
    assert "$(" not in tex.replace("\\$", "")
    assert "\\textbackslash{}input\\{x\\}" in tex
    assert "1\\%" in tex


def test_a_page_is_written_beside_the_run(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`--open` writes one HTML file into the folder, and asks the browser for it."""
    opened: list[str] = []

    def fail_to_open(url: str) -> bool:
        opened.append(url)
        return False

    monkeypatch.setattr("webbrowser.open", fail_to_open)
    result = call(run, "--open")
    assert result.exit_code == 0, result.output
    assert opened == [(run / "report.html").resolve().as_uri()]
    assert "No browser could be opened" in result.stderr
    assert "60.00" in (run / "report.html").read_text("utf-8")
    assert call(run).exit_code == 0  # the page is no foreign file


def test_published_numbers_are_found_by_the_suite(
    tmp_path: Path, make_record: MakeRecord, write_run: WriteRun
) -> None:
    """A run of a suite is shown in the published layout: all its rows, ours and the difference."""
    label = {"label": "omniglot", "ways": 20, "shots": 1}
    record = make_record("pcdarts", 0, "jetson", "emulated", dataset=label)
    run = write_run(tmp_path / "run", [record], suites=["table2", "/etc/passwd.toml"])
    result = call(run)
    assert (result.exit_code, result.stderr) == (0, "")
    published, _ = result.stdout.split("## All trials")
    rows = [line for line in published.splitlines() if line.startswith("| ")]
    assert len(rows) == 21
    (ours,) = [row for row in rows if "~2.00" in row]
    assert [cell.strip() for cell in ours.split("|")][1:7] == [
        "pcdarts", "omniglot", "20-way 1-shot", "10.0*", "66", "−84.8*",
    ]  # fmt: skip
    assert "missing from the copy" in published
    assert "contradicts itself" in published
    assert "Scaled budget: meta_epochs 0 (published 30,000)" in published


def test_the_documentation_names_every_option() -> None:
    """docs/report.md has a line for each option, and each choice of what failed trials count as."""
    text = (Path(__file__).parents[2] / "docs" / "report.md").read_text("utf-8")
    command = cli.get_command(click.Context(cli), "report")
    assert command is not None
    options = [each for each in command.params if isinstance(each, click.Option)]
    assert all(f"`{option.opts[0]}" in text for option in options)
    assert all(f"| `{choice}` |" in text for choice in get_args(Missing))
