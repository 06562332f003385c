"""A metric that a plugin declares in one place is found wherever the harness's own are."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from harness.cli.main import cli
from harness.metrics import METRICS, undeclared
from harness.plugins.loading import Plugins, load_plugins
from harness.results.load import load_results
from harness.results.results import FRAME_COLUMNS, Results

PLUGIN = (Path(__file__).parent / "own_metrics.py").read_text(encoding="utf-8")
HEAT = 1234.56 + 2 * 3  # two tasks of three steps
RUN = ("--dataset", "glyphs", "--budget", "search_steps=3,tasks=2,channels=4")


def harness(*arguments: str | Path) -> str:
    """Call the command line, and return what it prints on standard output."""
    result = CliRunner().invoke(cli, list(map(str, arguments)))
    assert result.exit_code == 0, result.output
    return result.stdout


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the run of this module is, which its first test makes."""
    return tmp_path_factory.mktemp("own-metric")


@pytest.fixture
def folder(
    root: Path, plugin_factory: Callable[[str, str], Path], monkeypatch: pytest.MonkeyPatch
) -> Path:
    """A run folder of the plugin's method on its device; the table of the run is beside it."""
    plugin_factory("own-metrics", PLUGIN)
    monkeypatch.setenv("HARNESS_CACHE", str(root / "cache"))
    folder = root / "run"
    if not folder.exists():
        printed = harness("run", "-m", "sparse", "-d", "warm", *RUN, "-o", folder)
        (root / "printed.txt").write_text(printed, encoding="utf-8")
    return folder


@pytest.fixture
def plugins(folder: Path) -> Plugins:
    """What is installed, the plugin among it."""
    assert folder.exists()
    return load_plugins()


def test_a_metric_is_everywhere(folder: Path, plugins: Plugins, tmp_path: Path) -> None:
    """Record, terminal, Markdown, CSV, LaTeX, page, comparison and frame have both metrics."""
    found = load_results([folder], plugins.metrics)
    (record,) = found.records
    heat, sparsity = record.metrics["heat"], record.metrics["sparsity"]
    assert (heat.value, heat.unit, heat.source) == (HEAT, "K", "measured")
    assert (sparsity.value, sparsity.unit, sparsity.source) == (12.5, "%", "measured")
    assert [task.metrics for task in record.tasks] == [{"sparsity": 12.5}] * 2

    printed = (folder.parent / "printed.txt").read_text(encoding="utf-8")
    assert "heat K" in printed
    assert "1,240.6" in printed
    assert "sparsity of w %" in printed

    markdown = harness("report", folder)
    assert "heat (K)" in markdown
    assert "1,240.6" in markdown
    (row,) = csv.DictReader(io.StringIO(harness("report", folder, "--format", "csv")))
    assert (float(row["heat_k"]), row["heat_k_source"]) == (HEAT, "measured")
    assert (float(row["sparsity_percent"]), row["sparsity_percent_source"]) == (12.5, "measured")
    latex = harness("report", folder, "--format", "latex")
    assert "1,240.6" in latex
    assert "12.50" in latex
    harness("report", folder, "--format", "html", "-o", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page.count("1,240.6") >= 2  # in the table of all trials, and in that of each
    assert "sparsity of w" in page


def test_a_metric_is_compared(folder: Path) -> None:
    """A comparison judges it by its direction, and a threshold can name it."""
    text = harness("compare", folder, folder, "--fail-if-worse", "heat=1%,sparsity=2")
    assert "heat, K (less is better)" in text
    assert "sparsity of w, % (more is better)" in text
    (row,) = json.loads(harness("compare", folder, folder, "--json"))["rows"]
    assert row["metrics"]["heat"]["a"] == {"value": HEAT, "source": "measured", "fits": None}
    assert row["metrics"]["sparsity"]["better_is"] == "more"
    assert row["metrics"]["sparsity"]["interval"]["over"] == "2 tasks of 1 seed"


def test_a_metric_is_in_the_frame(folder: Path, plugins: Plugins) -> None:
    """The long table has a row for it, and its columns are as promised."""
    frame = load_results([folder], plugins.metrics).frame()
    assert tuple(frame.columns) == FRAME_COLUMNS
    told = frame.set_index("metric")
    assert (told.loc["heat", "value"], told.loc["heat", "unit"]) == (HEAT, "K")
    assert told.loc["sparsity", "source"] == "measured"
    assert told.loc["accuracy", "seed"] == 0


def test_without_the_plugin_a_number_is_still_shown(folder: Path) -> None:
    """Records are read where the plugin is not installed; only a judgement is not given."""
    found = load_results([folder])
    (row,) = found.rows
    assert row.value("heat") == HEAT
    assert row.values["heat"].metric.more_is_better is None
    assert "heat" in set(found.frame()["metric"])


@pytest.mark.parametrize(
    ("method", "device", "who"), [("liar", "warm", "method"), ("sparse", "boaster", "device")]
)
def test_nobody_tells_what_the_harness_measures(
    folder: Path, method: str, device: str, who: str
) -> None:
    """A method or device that reports accuracy ends the trial in an error that says why."""
    out, asked = folder.parent / who, [*RUN, "-m", method, "-d", device]
    result = CliRunner().invoke(cli, ["run", *asked, "-o", str(out)])
    assert result.exit_code == 1
    (record,) = load_results([out]).records
    assert record.error is not None
    assert record.error.stage == "end"
    assert f"the {who} reports the metric 'accuracy'" in record.error.message
    assert "heat, " in record.error.message


@pytest.mark.parametrize("name", ["memory", "peak_memory", "3D!", "温度", "[red]", ""])
def test_a_strangers_metric_takes_no_declared_name(name: str) -> None:
    """Whatever a record calls a number, it gets a name of its own."""
    found = undeclared(name, "u")
    assert found.name not in {each for m in METRICS.values() for each in (m.name, m.short)}
    assert found.more_is_better is None


def test_a_name_that_is_taken_is_refused(plugin_factory: Callable[[str, str], Path]) -> None:
    """A plugin that declares a metric of the harness is named, and not used."""
    source = (
        "from harness import hookimpl\n"
        "from harness.metrics import MetricSpec\n"
        "@hookimpl\n"
        "def harness_register_metrics(register):\n"
        "    register(MetricSpec('energy', 'J'))\n"
    )
    plugin_factory("thief", source)
    problem = load_plugins().problem_of("thief")
    assert problem is not None
    assert "it registers the metric 'energy', which already exists" in str(problem)


def test_results_show_themselves_in_a_notebook(folder: Path) -> None:
    """The rich display is the long table."""
    found: Results = load_results([folder])
    assert "<table" in found._repr_html_()
    assert "peak_memory" in found._repr_html_()
