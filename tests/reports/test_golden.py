"""One fixed set of records in every format: as it is kept, and in agreement with the records.

After a change that is meant, write the files anew with `REWRITE_GOLDEN=1 pytest tests/report`.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, stdev

import pytest

from harness.comparison.published import load_published
from harness.comparison.result import compare
from harness.plugins.loading import load_plugins
from harness.reports.formats import to_csv, to_latex, to_markdown
from harness.reports.table import Column, Table, shown_number
from harness.reports.tables import tables_of
from harness.results.load import load_results
from harness.results.record import Record
from harness.results.results import Results

GOLDEN = Path(__file__).parent / "golden"

SUITE = """
title = "Table 1 of nobody: two methods"

[[trials]]
methods = ["first", "second[k=2]", "third"]
datasets = ["letters"]
devices = ["board"]
budget = "paper"

[published]
source = "Nobody et al."
file = "numbers.csv"
method = "{method}"
memory = "memory_mb"
accuracy = "accuracy"
accuracy_std = "accuracy_std"
times.board = "board_s"
unfit = ["board"]
rows = [{ dataset = "letters", ways = "5", shots = "1", method = "third", memory_mb = "25" }]

[[published.notes]]
text = "The paper contradicts itself in one place."

[[published.notes]]
where = { method = "third" }
text = "This row is from the paper's text."
"""
NUMBERS = """dataset,ways,shots,method,memory_mb,accuracy,accuracy_std,board_s
letters,5,5,first,4123,62.40,0.91,
letters,5,1,first,1616,45.67,2.84,186
letters,5,1,second[k=2],12.5,46.8,1.84,62
"""


@pytest.fixture
def records(make_record: Callable[..., Record]) -> list[Record]:
    """Three methods, up to three seeds, one that does not fit, one that fails, two devices."""
    other = {"dataset": {"label": "folder[path=x_y]", "name": "folder"}}
    five_shot = {**other["dataset"], "shots": 5}
    accuracies = (44.125, 47.3333333, 49.0)
    return [
        *(
            make_record("first", seed, "board", "emulated", values={"accuracy": accuracy}, **other)
            for seed, accuracy in enumerate(accuracies)
        ),
        make_record("second[k=2]", 0, "board", "emulated", values={"search_time": 1062.0}, **other),
        make_record("second[k=2]", 1, "board", "emulated", status="error", **other),
        make_record("first", 0, "board", "emulated", status="out_of_memory", dataset=five_shot),
        make_record("own", 0, "cpu", values={"peak_memory": 1234.56, "storage": None}),
    ]


@pytest.fixture
def collection(tmp_path: Path, records: list[Record], write_run: Callable[..., Path]) -> Results:
    suite = tmp_path / "mine.toml"
    suite.write_text(SUITE, encoding="utf-8")
    (tmp_path / "numbers.csv").write_text(NUMBERS, encoding="utf-8")
    stand_ins = {"letters": "folder[path=x_y]"}
    run = write_run(tmp_path / "run", records, suites=[str(suite)], dataset_map=stand_ins)
    return load_results([run])


@pytest.fixture
def tables(tmp_path: Path, collection: Results) -> list[Table]:
    suite = load_published(str(tmp_path / "mine.toml"), load_plugins())
    return tables_of(collection, [suite], "omit")


@pytest.mark.parametrize(
    ("name", "write"),
    [("report.md", to_markdown), ("report.csv", to_csv), ("report.tex", to_latex)],
)
def test_a_format_is_as_it_is_kept(
    name: str, write: Callable[[Sequence[Table]], str], tables: list[Table]
) -> None:
    """The same records give the same bytes; a change shows in the kept file."""
    text = write(tables)
    if os.environ.get("REWRITE_GOLDEN"):
        (GOLDEN / name).write_text(text, encoding="utf-8")
    assert text == (GOLDEN / name).read_text(encoding="utf-8")


def published_of(text: str) -> list[dict[str, str]]:
    return [row for row in csv.DictReader(io.StringIO(text)) if row["table"] == "mine"]


def trials_of(text: str) -> list[dict[str, str]]:
    return [row for row in csv.DictReader(io.StringIO(text)) if row["table"] == "trials"]


def number(text: str) -> float | None:
    return float(text) if text else None


def test_csv_is_as_exact_as_the_records(tables: list[Table], records: list[Record]) -> None:
    """Means, deviations, peaks and times in CSV are those of the records, to the last bit."""
    rows = trials_of(to_csv(tables))
    assert len(rows) == 4
    for row in rows:
        ours = [
            record
            for record in records
            if (record.label, record.device.name) == (row["method"], row["device"])
            and row["setting"] == f"{record.dataset.ways}-way {record.dataset.shots}-shot"
            and record.status == "ok"
        ]
        values = {
            name: [value for record in ours if (value := record.metrics[name].value) is not None]
            for name in ("peak_memory", "storage", "accuracy", "search_time")
        }
        accuracies = values["accuracy"]
        assert number(row["memory_mib"]) == max(values["peak_memory"], default=None)
        assert number(row["storage_mib"]) == max(values["storage"], default=None)
        assert number(row["accuracy_percent"]) == (fmean(accuracies) if accuracies else None)
        spread = stdev(accuracies) if len(accuracies) > 1 else None
        assert number(row["accuracy_percent_std"]) == spread
        times = values["search_time"]
        assert number(row["time_s"]) == (fmean(times) if times else None)


def test_a_comparison_has_the_same_numbers(collection: Results, tables: list[Table]) -> None:
    """What `harness compare` says of this folder is what its report says, to the last bit."""
    keys = {"memory": "memory_mib", "storage": "storage_mib", "accuracy": "accuracy_percent",
            "time": "time_s"}  # fmt: skip
    rows, compared = trials_of(to_csv(tables)), compare(collection, collection).rows
    assert len(rows) == len(compared) == 4
    for told, row in zip(rows, compared, strict=True):
        assert (told["method"], told["device"]) == (row.pair.b.method, row.pair.b.device)
        for each in row.comparisons:
            assert number(told[keys[each.metric.short]]) == each.a == each.b


def test_a_source_stands_beside_each_number(tables: list[Table]) -> None:
    """CSV says of each number whether it was measured, emulated, predicted or published."""
    first, second, *_, own = published_of(to_csv(tables))
    assert (first["memory_mib_source"], first["time_board_s_published_source"]) == ("unfit",) * 2
    assert second["memory_mib_source"] == second["memory_mib_difference_source"] == "emulated"
    assert second["time_board_s_source"] == "predicted"
    assert second["memory_mib_published_source"] == "published"
    assert own["memory_mib_source"] == "measured"


def markdown_rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("|") and "|:--" not in line]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def latex_rows(text: str) -> list[list[str]]:
    lines = [line.removesuffix(r" \\") for line in text.splitlines() if " & " in line]
    plain = {r"$\sim$": "~", "{*}": "*", r"$\pm$": "±", "$-$": "−", "--": "–"}
    for symbol, read in plain.items():
        lines = [line.replace(symbol, read) for line in lines]
    return [[cell.strip() for cell in re.split(r"(?<!\\)&", line)] for line in lines]


@pytest.mark.parametrize(
    ("write", "parse"), [(to_markdown, markdown_rows), (to_latex, latex_rows)], ids=["md", "tex"]
)
def test_what_is_read_agrees_to_the_last_digit(
    write: Callable[[Sequence[Table]], str],
    parse: Callable[[str], list[list[str]]],
    tables: list[Table],
) -> None:
    """Every number of Markdown and LaTeX, parsed back, is the exact one at the digits shown."""
    exact = list(csv.DictReader(io.StringIO(to_csv(tables))))
    parsed = parse(write(tables))
    compared = 0
    for table in (each for each in tables if each.columns):  # findings are sentences
        _, parsed = parsed[0], parsed[1:]  # the headings
        for _ in table.rows:
            compared += agree(table, parsed.pop(0), exact.pop(0))
    assert (parsed, exact) == ([], [])
    assert compared == 46


def agree(table: Table, cells: list[str], exact: dict[str, str]) -> int:
    """Compare one row, and return how many numbers there were."""
    compared = 0
    for column, cell in zip(table.columns, cells, strict=True):
        if column.kind not in ("number", "difference"):
            continue
        values = [exact[column.key], exact.get(f"{column.key}_std", "")]
        marks = {"": "", "–": "", "X": "unfit", "~": "predicted", "*": "emulated"}
        mark = next((marks[sign] for sign in "X~*" if sign in cell), "")
        if column.has_marks and exact[f"{column.key}_source"] not in ("measured", "published"):
            assert exact[f"{column.key}_source"] == mark
        texts = re.findall(r"[−+]?[\d,]+(?:\.\d+)?", cell)
        assert len(texts) == len([value for value in values if value])
        for text, value in zip(texts, values, strict=False):
            digits = len(text.partition(".")[2])
            assert digits == column.digits or column.digits is None
            read = text.replace(",", "").replace("−", "-").replace("+", "")
            assert read == f"{float(value):.{digits}f}"
            compared += 1
    return compared


def test_no_zero_has_a_minus() -> None:
    """What rounds to zero is written without a sign of its own, except that of a difference."""
    column = Column("d", "d", kind="difference", digits=1)
    assert [shown_number(value, column) for value in (-0.04, 0.04, -0.06)] == [
        "+0.0",
        "+0.0",
        "−0.1",
    ]
