"""The harness from Python: the same runs, files and sentences as from the command line."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

import harness
from harness.errors import UnknownNameError, UsageError
from harness.pretraining.pretrain import Pretrained

COLUMNS = [
    "method", "dataset", "setting", "device", "mode", "seed", "metric", "value", "unit", "source",
]  # fmt: skip
SMALL = "quick,meta_epochs=0,warmup_epochs=0,search_steps=1,tasks=1,channels=4"
OLD_RUNS = Path(__file__).parents[1] / "results" / "runs-0.1"
COEFFICIENTS = Path(__file__).parents[2] / "results" / "reference" / "coefficients"


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> harness.RunResults:
    """Return a run of two methods and two seeds, side by side."""
    folder = tmp_path_factory.mktemp("api")
    return harness.run(
        methods=["random", "weights-only[engine=streamed]"],
        dataset="glyphs",
        device="jetson",
        budget=SMALL,
        seeds=range(2),
        jobs=2,
        output=folder / "run",
        progress=False,
    )


def test_a_run_gives_a_tidy_frame(found: harness.RunResults) -> None:
    """Each number of each trial is a row, with its unit and its source."""
    frame = found.frame()
    assert list(frame.columns) == COLUMNS
    memory = frame[frame["metric"] == "peak_memory"]
    assert sorted(memory["method"]) == ["random"] * 2 + ["weights-only[engine=streamed]"] * 2
    assert sorted(memory["seed"]) == [0, 0, 1, 1]
    assert set(memory["unit"]) == {"MiB"}
    assert set(memory["source"]) == {"emulated"}
    assert "<table" in found._repr_html_()


def test_the_same_call_again_loads_what_is_there(found: harness.RunResults) -> None:
    """A folder that was run can be loaded, and says the same."""
    again = harness.load(*found.folders)
    assert again.frame().equals(found.frame())
    assert not found.interrupted


def test_results_are_reported_and_compared(found: harness.RunResults, tmp_path: Path) -> None:
    """A report goes by its suffix; results compared with themselves do not differ."""
    assert "weights-only" in found.report(tmp_path / "found.md").read_text(encoding="utf-8")
    assert (tmp_path / "page.html") == harness.report(found, tmp_path / "page.html")
    with pytest.raises(UsageError, match="does not name a format for a report"):
        found.report(tmp_path / "found.docx")
    assert not found.compare(found).has_failed


def test_old_runs_load() -> None:
    """Runs of an earlier version are read whole."""
    frame = harness.load(OLD_RUNS).frame()
    assert {"onnas", "darts"} <= set(frame["method"])


def test_an_estimate_is_all_predicted() -> None:
    """An estimate has rows and a frame, whose numbers are predicted."""
    found = harness.estimate("weights-only", device="jetson", budget=SMALL)
    (row,) = found.rows
    frame = found.frame()
    assert set(frame["source"]) == {"predicted"}
    memory = frame.loc[frame["metric"] == "peak_memory", "value"]
    assert memory.tolist() == [row.peak_memory_mib]
    assert list(frame.columns) == COLUMNS
    assert "NARROWED CELLS: of 4 channels" in found._repr_html_()


def test_mistakes_are_exceptions_with_the_commands_sentences() -> None:
    """A name that is not known is refused with the nearest one, and nothing exits."""
    with pytest.raises(UnknownNameError, match="did you mean 'onnas'"):
        harness.run("onna", progress=False)
    with pytest.raises(UnknownNameError, match="metanas"):
        harness.estimate("darts", space="metanes")
    with pytest.raises(AttributeError, match="has no attribute 'runs'"):
        _ = harness.runs


def test_what_there_is_can_be_listed() -> None:
    """Names come from the plugins, as `harness list` has them."""
    assert {"onnas", "darts", "random-alpha"} <= set(harness.methods())
    assert "glyphs" in harness.datasets()
    assert "jetson" in harness.device_names()
    assert "table2" in harness.suites()
    assert harness.budgets()[0] == "quick"
    assert harness.spaces() == ["metanas", "darts-operations", "nasbench201"]


def test_no_call_is_hidden_by_a_module() -> None:
    """An import of a module of a call's name would put the module in the call's place."""
    modules = {path.stem for path in Path(harness.__file__).parent.iterdir()}
    assert not modules & {name for name in harness.__all__ if not name.startswith("_")}


def test_importing_is_quick(run_python: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    """`import harness`, and listing methods, load neither torch nor pandas."""
    code = (
        "import sys, harness; harness.methods(); harness.run; "
        "sys.exit('torch' in sys.modules or 'pandas' in sys.modules)"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr


def test_claims_make_a_ledger() -> None:
    """A judged claim is a row with its verdict; what nothing was run for has no number of ours."""
    ledger = harness.claim("onnas", "coefficients", folders=[COEFFICIENTS])
    (judged,), line = ledger, ledger.frame().iloc[0]
    assert (line["claim"], line["verdict"], line["unit"]) == (
        "coefficients", judged.verdict, "nats",
    )  # fmt: skip
    assert line["low"] < line["ours"] < line["high"]
    assert repr(ledger) == f"<Ledger of 1: 1 {judged.verdict}>"
    assert judged.verdict in ledger._repr_html_()
    nothing = harness.claim("onnas", "coefficients", folders=[OLD_RUNS]).frame().iloc[0]
    assert nothing[["ours", "low", "high"]].isna().all()


def test_a_stop_leaves_no_ledger_of_half_of_the_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while missing trials run is the caller's, as in every other call."""
    stopped = SimpleNamespace(interrupted=True)
    monkeypatch.setattr("harness.claims.checking.run_missing", lambda *_, **__: stopped)
    with pytest.raises(KeyboardInterrupt):
        harness.claim("onnas", "coefficients", run=True)


def test_paths_of_models_are_as_people_write_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`~` is the person's home for models, as it is for photos and run folders."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "image.png").touch()
    with pytest.raises(UsageError, match=re.escape(str(tmp_path / "model"))):
        harness.predict("~/model", tmp_path)


def test_a_pretraining_leaves_a_checkpoint(tmp_path: Path) -> None:
    """It is made once; where nothing is pretrained, a sentence says so."""
    budget = "meta_epochs=1,warmup_epochs=0,meta_tasks=1,meta_steps=1,meta_shots=1,channels=2"

    def pretrained(budget: str) -> Pretrained:
        (found,) = harness.pretrain(
            "weights-only", dataset="glyphs", device="cpu", budget=budget, cache_root=tmp_path,
            progress=False,
        ).pretrained  # fmt: skip
        return found

    first = pretrained(budget)
    assert first.path is not None
    assert first.path.is_file()
    assert first.progress is not None
    assert (first.error, first.progress.meta_epochs) == (None, 1)
    assert pretrained(budget) == first
    with pytest.raises(UsageError, match="nothing to pretrain"):
        pretrained("meta_epochs=0")
