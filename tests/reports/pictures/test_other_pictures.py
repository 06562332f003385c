"""Curves, sweeps, variants and steps: what is drawn is what the records say."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from harness.reports.pictures.curves import draw_curves, draw_steps, thinned
from harness.reports.pictures.notes import Beside
from harness.reports.pictures.style import MARKERS
from harness.reports.pictures.variants import Bar, bars_of, draw_breakdown, draw_sweep, families
from harness.reports.table import TableCell
from harness.results.record import Record
from harness.results.results import FoundTrial
from harness.results.run_files import read_steps

Make = Callable[..., Record]
STEP = '{"task": 0, "step": %d, "loss": 1.0, "memory_bytes": %d, "seconds": 1.0}\n'


def pretraining(key: str, *losses: float) -> dict[str, Any]:
    """What a record says of its pretraining."""
    curve = [
        {"meta_epoch": 10 * n, "loss": loss, "accuracy": 50.0} for n, loss in enumerate(losses)
    ]
    return {"key": key, "seconds": 1.0, "curve": curve}


def variant(make: Make, accuracy: float, memory: float, **params: Any) -> Record:
    """A record of method `m` with these parameters."""
    method = {"name": "m", "version": "1", "distribution": "d", "params": params}
    values = {"accuracy": accuracy, "peak_memory": memory}
    written = ",".join(f"{key}={value}" for key, value in params.items())
    return make(f"m[{written}]", method=method, values=values)


def test_a_checkpoint_has_one_curve(make_record: Make) -> None:
    """Two devices that start from the same checkpoint share a curve; seeds make a band."""
    records = [
        make_record(device="a", pretraining=pretraining("one", 2.0, 1.0)),
        make_record(device="b", pretraining=pretraining("one", 2.0, 1.0)),
        make_record(seed=1, pretraining=pretraining("two", 4.0, 3.0)),
    ]
    figure = draw_curves(records)
    assert isinstance(figure, Figure)
    loss = figure.axes[0]
    (line,) = loss.lines
    assert line.get_xydata().tolist() == [[0.0, 3.0], [10.0, 2.0]]  # type: ignore[union-attr]
    assert len(loss.collections) == 1


def test_a_sweep_is_over_the_number_that_differs(make_record: Make) -> None:
    """Variants that differ in one number are drawn over it, in its order."""
    records = [variant(make_record, 50.0 + q, 10.0 * q, q=q, other=1) for q in (3, 1, 2)]
    (family,) = families(records)
    figure = draw_sweep(family)
    assert isinstance(figure, Figure)
    accuracy, memory = (axes.lines[-1].get_xydata().tolist() for axes in figure.axes)  # type: ignore[union-attr]
    assert accuracy == [[1.0, 51.0], [2.0, 52.0], [3.0, 53.0]]
    assert memory == [[1.0, 10.0], [2.0, 20.0], [3.0, 30.0]]


def test_switched_mechanisms_are_no_sweep(make_record: Make) -> None:
    """Variants that differ in a switch have no number to be drawn over."""
    records = [variant(make_record, 50.0, 1.0, on=True), variant(make_record, 50.0, 1.0, on=False)]
    (family,) = families(records)
    assert family.parameter is None
    assert isinstance(draw_sweep(family), str)


def test_bars_bear_marks_and_published_numbers() -> None:
    """A bar says what it is by its mark; what did not fit is an X; published ones are beside."""
    bars = [
        Bar("data", "none", TableCell(None, mark="unfit"), published=5168.0),
        Bar("data", "all", TableCell(252.5, mark="emulated"), published=243.0),
        Bar("data", "guess", TableCell(100.0, mark="predicted")),
    ]
    figure = draw_breakdown("m", bars)
    assert isinstance(figure, Figure)
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == [
        "X", "published 5,168", "252.5*", "published 243", "~100.0",
    ]  # fmt: skip
    widths = [patch.get_width() for patch in axes.patches if isinstance(patch, Rectangle)]
    assert widths == [5168.0, 252.5, 243.0, 100.0]


def test_one_variant_makes_no_bars() -> None:
    """A method that ran in one way has nothing to set side by side."""
    assert bars_of([], Beside()) == {}
    assert isinstance(draw_breakdown("m", [Bar("data", "as it is", TableCell(1.0))]), str)


@given(values=st.lists(st.floats(0, 1e6), min_size=1, max_size=500), most=st.integers(1, 60))
def test_joined_steps_keep_the_peak(values: list[float], most: int) -> None:
    """However many steps are joined, the largest is there, and no more places than asked for."""
    places = thinned(values, most)
    assert max(value for _, value in places) == max(values)
    assert len(places) <= most


def test_what_is_no_step_is_passed_over(tmp_path: Path) -> None:
    """Broken lines of a step file are left out, and the others read."""
    lines = STEP % (0, 1024) + "nonsense\n" + STEP % (1, 2048) + '{"task": 1'
    (tmp_path / "steps.jsonl").write_text(lines, encoding="utf-8")
    assert [step.memory_bytes for step in read_steps(tmp_path)] == [1024, 2048]


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    """A step file that is a link to elsewhere reads as empty."""
    (tmp_path / "secret").write_text(STEP % (0, 1024), encoding="utf-8")
    (tmp_path / "trial").mkdir()
    (tmp_path / "trial" / "steps.jsonl").symlink_to(tmp_path / "secret")
    assert read_steps(tmp_path / "trial") == []


def test_steps_are_those_of_the_lowest_seed(make_record: Make, tmp_path: Path) -> None:
    """Of a method's seeds the lowest is drawn, in MiB, from step 1."""
    trials = []
    for seed in (1, 0):
        folder = tmp_path / str(seed)
        folder.mkdir()
        sizes = (2**20 * (seed + 1), 2**21 * (seed + 1))
        text = "".join(STEP % (n, size) for n, size in enumerate(sizes))
        (folder / "steps.jsonl").write_text(text, encoding="utf-8")
        trials.append(FoundTrial(folder, make_record(seed=seed), ()))
    figure = draw_steps(trials)
    assert isinstance(figure, Figure)
    (line,) = (line for line in figure.axes[0].lines if line.get_marker() in tuple(MARKERS))
    assert line.get_xydata().tolist() == [[1.0, 1.0], [2.0, 2.0]]  # type: ignore[union-attr]
