"""Tables on a terminal: no name and no number is cut, in whatever width."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from harness.adaptation.costs import Cost, Limits
from harness.adaptation.decision import Recommendation
from harness.adaptation.race import Contender
from harness.claims.evidence import ClaimVerdict, Finding
from harness.claims.ledger import JudgedClaim, claims_of_plugins
from harness.comparison.paper import compare_with_paper
from harness.comparison.result import compare
from harness.cost_model.profile import Prediction
from harness.plugins.description import entry_rows
from harness.plugins.loading import load_plugins
from harness.reports.claim_tables import ledger_tables
from harness.reports.comparison_tables import comparison_tables, paper_tables
from harness.reports.estimate_tables import (
    bench_table,
    correlation_table,
    estimate_table,
    recommendation_table,
)
from harness.reports.table import Column, Table, TableCell
from harness.reports.tables import tables_of
from harness.reports.terminal import lines_of, print_tables
from harness.reports.trial_tables import run_table
from harness.results.costs import BenchRow, DeviceRow, EstimateRow, bench_to_json
from harness.results.load import load_results
from harness.results.record import Record
from harness.results.results import Results
from harness.scores.correlating import Correlation, Correlations, Interval

WIDTHS = [60, 80, 120, 200]
REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "omniglot"
SLOW = Prediction(809.45, 612.51, 1396.29)
FOUND: dict[ClaimVerdict, Finding] = {
    "holds": Finding(1234.5, 1198.25, 1270.75, "emulated", "omniglot 5-way 1-shot", "small"),
    "does not hold": Finding(-0.0123, -0.0456, 0.021, "predicted", "miniimagenet 5-way 5-shot"),
    "not shown either way": Finding(undecided="nothing was run"),
}
LONG = "metanas[engine=step_by_step,micro_batches=5]"


def printed(tables: Sequence[Table], width: int) -> str:
    """What a terminal of this width shows."""
    out = io.StringIO()
    print_tables(tables, Console(file=out, width=width, force_terminal=True, no_color=True))
    return re.sub(r"\x1b\[[\d;]*m", "", out.getvalue())


def words_of(text: str) -> set[str]:
    """Every word and number, without the marks and commas beside it."""
    return {word.strip("~*;,.:()") for word in text.split()}


def numbers(values: Any, leave: Iterable[str] = ()) -> Iterator[float]:
    """Every number of a JSON value, but for what is under these keys."""
    if isinstance(values, dict):
        for key, value in values.items():
            if key not in leave:
                yield from numbers(value, leave)
    elif isinstance(values, list):
        for value in values:
            yield from numbers(value, leave)
    elif isinstance(values, (int, float)) and not isinstance(values, bool):
        yield values


def stands_in(value: float, shown: set[str]) -> bool:
    """Whether a number stands in a text as that text rounds it; a fraction may be in percent."""
    found = [word for word in shown if re.fullmatch(r"[+−]?[\d,]*\.?\d+", word)]
    return any(is_rounded(each, word) for each in (value, 100 * value) for word in found)


def is_rounded(value: float, word: str) -> bool:
    decimals = len(word.partition(".")[2])
    told = float(word.replace(",", "").replace("−", "-").replace("+", ""))
    return abs(told - value) <= 0.5 / float(f"1e{decimals}") + 1e-9


@pytest.fixture(scope="module")
def found() -> Results:
    return load_results([REFERENCE])


def estimates() -> list[EstimateRow]:
    """Two data sets, long names, ranges, a device that does not hold it, and one without limit."""
    return [
        EstimateRow(
            method=method, dataset="miniimagenet", setting=setting, channels=28, search_steps=10,
            peak_memory_mib=peak, lowest_memory_mib=peak / 2, storage_mib=1.758,
            devices=(
                DeviceRow("jetson", "Jetson Nano", 640.0, peak < 640, SLOW if peak < 640 else None),
                DeviceRow("rtx3090", "RTX 3090", 24064.0, True, Prediction(13.84, 12.18, 16.23)),
            ),
            error="",
        )
        for setting in ("5-way 5-shot", "20-way 1-shot")
        for method, peak in (("darts", 4862.63), (LONG, 83.04))
    ]  # fmt: skip


@pytest.mark.parametrize("width", WIDTHS)
def test_a_run_is_read_back(found: Results, width: int) -> None:
    """Each name and number that `run --json` tells of a row stands on the terminal whole."""
    shown = words_of(printed([run_table(found.rows)], width))
    for row in (row.to_json() for row in found.rows):
        names = (row["method"], row["dataset"], row["device"], *row["setting"].split())
        assert {*names, row["mode"]} <= shown
        assert all(stands_in(each, shown) for each in numbers(row, ["host_share"])), row


@pytest.mark.parametrize("width", WIDTHS)
def test_an_estimate_is_read_back(width: int) -> None:
    """Its widths, steps, ranges, limits and times too."""
    rows = estimates()
    shown = words_of(printed([estimate_table(rows, brief=True)], width))
    for row in (row.to_json() for row in rows):
        assert {row["method"], row["dataset"], *row["setting"].split(), "jetson"} <= shown
        assert all(stands_in(each, shown) for each in numbers(row)), row


@pytest.mark.parametrize("width", WIDTHS)
def test_a_report_is_whole(found: Results, width: int) -> None:
    """Every cell of its tables is there, and no line is cut short."""
    tables = tables_of(found, [])
    text = printed(tables, width)
    assert "…" not in text
    assert {row[0].value for table in tables for row in table.rows} <= words_of(text)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_comparison_is_read_back(found: Results, width: int) -> None:
    """Values, differences and the ends of intervals stand whole."""
    result = compare(found, found)
    shown = words_of(printed(comparison_tables(result), width))
    for row in result.to_json()["rows"]:
        assert {row["method"], row["device"], row["dataset"]} <= shown
        assert all(stands_in(each, shown) for each in numbers(row["metrics"])), row


@pytest.mark.parametrize("width", WIDTHS)
def test_the_paper_is_read_back(
    make_record: Callable[..., Record], write_run: Callable[..., Path], tmp_path: Path, width: int
) -> None:
    """Published numbers of a suite stand whole beside ours: 4,123, not `4,…`."""
    data = {"label": "miniimagenet", "name": "miniimagenet", "ways": 5, "shots": 5}
    record = make_record("darts", dataset=data, values={"peak_memory": 4862.625})
    results = load_results([write_run(tmp_path / "run", [record], suites=["table2"])])
    (compared,) = compare_with_paper(results, load_plugins(), None)
    shown = words_of(printed(paper_tables(compared), width))
    for line in compared.to_json()["rows"]:
        if line["metric"] == "memory":
            assert line["method"] in shown
            assert all(stands_in(each, shown) for each in numbers(line)), line


@pytest.mark.parametrize("width", WIDTHS)
def test_a_benchmark_is_read_back(width: int) -> None:
    """Memory and seconds of steps."""
    row = BenchRow(
        method=LONG, version="1", dataset="omniglot", setting="20-way 5-shot", images=15,
        channels=28, device="cpu", peak_memory_mib=4862.63, first_step_s=12.5, step_s=(11.5,),
    )  # fmt: skip
    shown = words_of(printed([bench_table([row])], width))
    (told,) = bench_to_json([row])
    assert LONG in shown
    assert all(stands_in(each, shown) for each in numbers(told)), told


@pytest.mark.parametrize("width", WIDTHS)
def test_a_recommendation_is_read_back(width: int) -> None:
    """What each method would hold, store and take, how it fared, and why it was dropped."""
    cost = Cost(LONG, 4_862 * 2**20, 461_000, SLOW)
    contenders = (
        Contender(cost, 37, 40, 12, verdict="no difference shown"),
        Contender(replace(cost, label="darts"), dropped="needs more memory than there is"),
    )
    limits = Limits(memory_bytes=640 * 2**20, seconds=None)
    found = Recommendation(contenders[0], ("Take it.",), contenders, "jetson", limits)
    text = printed([recommendation_table(found)], width)
    shown, words = words_of(text), " ".join(text.split())
    for told in found.to_json()["methods"]:
        assert told["method"] in shown
        mib = [told[key] / 2**20 for key in ("peak_memory_bytes", "storage_bytes")]
        minutes = [each / 60 for each in numbers(told["search_time"])]
        assert all(stands_in(each, shown) for each in [*mib, *minutes]), told
    fared = (*(contenders[0].interval or ()), contenders[0].accuracy or 0.0, 12)
    assert all(stands_in(each, shown) for each in fared)
    assert "no difference shown" in words
    assert "needs more memory than there is" in words


@pytest.mark.parametrize("width", WIDTHS)
def test_correlations_are_read_back(width: int) -> None:
    """Both coefficients with the ends of their intervals."""
    found = (
        Correlation("synflow", "accuracy", Interval(0.7321, 0.6123, 0.8), Interval(0.5, 0.4, 0.6)),
        Correlation("parameters", "latency of jetson", None, Interval(-0.25, -0.5, 0.1)),
    )
    result = Correlations("nasbench201[latency=all]", ["a", "b"], {}, {}, found)
    shown = {word.strip("[]") for word in words_of(printed([correlation_table(result)], width))}
    for each in found:
        assert {each.score, *each.target.split()} <= shown
        every = [*(each.spearman or ()), *(each.kendall or ())]
        assert all(stands_in(value, shown) for value in every), each


@pytest.mark.parametrize("width", [60, 200])
def test_without_colour_there_is_none(
    found: Results, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under NO_COLOR a terminal gets no colour, and the same words."""
    table = run_table(found.rows)
    out = io.StringIO()
    monkeypatch.setenv("NO_COLOR", "1")
    print_tables([table], Console(file=out, width=width, force_terminal=True))
    codes = {
        code
        for codes in re.findall(r"\x1b\[([\d;]*)m", out.getvalue())
        for code in codes.split(";")
    }
    assert not [code for code in codes if code.isdigit() and 30 <= int(code) <= 107]
    assert re.sub(r"\x1b\[[\d;]*m", "", out.getvalue()) == printed([table], width)


@pytest.mark.parametrize("width", WIDTHS)
def test_claims_are_read_back(width: int) -> None:
    """Names, published values, ours with the ends of their intervals, and verdicts."""
    judged = [
        JudgedClaim(named, finding, verdict, "harness claim onnas")
        for named in claims_of_plugins(load_plugins(), {"onnas"})
        for verdict, finding in FOUND.items()
    ]
    text = printed(ledger_tables(judged, brief=True), width)
    shown, words = words_of(text), " ".join(text.split())
    assert len(judged) > 5
    for claim in (each.to_json() for each in judged):
        told = [claim["published"]["value"], *numbers(claim["ours"])]
        assert claim["name"] in shown
        assert claim["verdict"] in words
        assert all(stands_in(each, shown) for each in told), claim


@pytest.mark.parametrize("width", WIDTHS)
def test_a_list_is_read_back(width: int) -> None:
    """Names and the words of summaries; a summary breaks between words."""
    rows = entry_rows(load_plugins(), "suite")
    columns = tuple(
        Column(key, key, kind="prose" if key == "summary" else "text") for key in rows[0]
    )
    cells = tuple(tuple(TableCell(str(value)) for value in row.values()) for row in rows)
    lines = [line for line, _ in lines_of(Table("", "", (), columns, cells), width)]
    assert max(map(cell_len, lines)) <= width
    assert words_of(json.dumps(rows, ensure_ascii=False).replace('"', " ")) - words_of(
        json.dumps(list(rows[0])).replace('"', " ")
    ) - {"{", "}", "", "[{", "}]"} <= words_of(" ".join(lines))


def test_lines_keep_to_the_width(found: Results) -> None:
    """No line is wider than the terminal, unless a single name is."""
    for width in WIDTHS:
        for table in (run_table(found.rows), estimate_table(estimates(), brief=True)):
            assert max(cell_len(line) for line, _ in lines_of(table, width)) <= width


def test_a_pipe_has_every_column(found: Results) -> None:
    """Where there is no width, a row is a line, as `grep` and `awk` want it."""
    lines = [line for line, _ in lines_of(run_table(found.rows))]
    assert sum(line.startswith("onnas ") and "jetson" in line for line in lines) == 2


def test_a_narrow_terminal_says_once_what_all_rows_say(found: Results) -> None:
    """The device and the ending are in a line above, and rows are grouped by their setting."""
    text = printed([run_table(found.rows)], 80)
    assert "In every row: " in text.splitlines()[0]
    assert text.count("jetson (emulated)") == 1
    assert text.count("omniglot 5-way 1-shot") == 1


def test_narrowed_cells_are_told_loudly() -> None:
    """An estimate at the quick budget's width says first that real cells are wider."""
    rows = [replace(row, channels=8) for row in estimates()]
    caption = estimate_table(rows, brief=True).caption
    assert caption[0].startswith("NARROWED CELLS: of 8 channels")
    assert "C = 28" in estimate_table(estimates()).caption[0]
