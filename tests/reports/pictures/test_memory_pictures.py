"""Accuracy and time against memory: places, limits, marks and names."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from matplotlib.axes import Axes
from matplotlib.colors import same_color
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text

from harness.reports.pictures.frame import Label, place_labels
from harness.reports.pictures.notes import budget_notes
from harness.reports.pictures.scatter import draw_accuracy_memory, draw_time_memory
from harness.reports.pictures.style import MARKERS, PAPER
from harness.results.record import Record
from harness.results.summary import rows_of_records

Make = Callable[..., Record]


def drawn(records: Iterable[Record]) -> Figure:
    """The picture of accuracy against memory."""
    figure = draw_accuracy_memory(rows_of_records(records))
    assert isinstance(figure, Figure)
    return figure


def marks(axes: Axes) -> list[Line2D]:
    """The marks that stand for methods."""
    return [line for line in axes.lines if line.get_marker() in tuple(MARKERS)]


def words(figure: Figure) -> str:
    """Everything that is written in a figure."""
    texts = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return "\n".join(text.get_text() for text in texts)


def test_a_mark_is_where_its_numbers_are(make_record: Make) -> None:
    """A method stands at its largest memory and its mean accuracy over seeds."""
    records = [
        make_record(seed=seed, values={"accuracy": accuracy, "peak_memory": memory})
        for seed, accuracy, memory in ((0, 40.0, 100.0), (1, 60.0, 120.0))
    ]
    (axes,) = drawn(records).axes
    (mark,) = marks(axes)
    assert mark.get_xydata().tolist() == [[120.0, 50.0]]  # type: ignore[union-attr]


def test_the_limit_is_drawn_and_what_exceeds_it_named(make_record: Make) -> None:
    """The device's limit has its number, and a method that did not fit its name behind an X."""
    figure = drawn([make_record("small"), make_record("big", status="out_of_memory")])
    assert "limit 640 MiB" in words(figure)
    assert "X big" in words(figure)
    assert "1 of 2 methods fits board" in figure.get_suptitle()


def test_only_what_was_measured_is_filled(make_record: Make) -> None:
    """Marks of an emulated device are hollow, and words below say what that means."""
    figure = drawn([make_record(), make_record(mode="emulated")])
    measured, emulated = (marks(axes)[0] for axes in figure.axes)
    assert not same_color(measured.get_markerfacecolor(), PAPER)
    assert same_color(emulated.get_markerfacecolor(), PAPER)
    assert "Filled marks: measured" in words(figure)
    assert "Hollow marks: emulated" in words(figure)


def test_a_predicted_time_is_hollow(make_record: Make) -> None:
    """Time that a cost model predicted is told from time that was read."""
    figure = draw_time_memory(rows_of_records([make_record(mode="emulated")]))
    assert isinstance(figure, Figure)
    assert same_color(marks(figure.axes[0])[0].get_markerfacecolor(), PAPER)
    assert "Hollow marks: predicted" in words(figure)


@pytest.mark.parametrize("draw", [draw_accuracy_memory, draw_time_memory])
def test_without_numbers_it_says_so(make_record: Make, draw: Callable[..., Figure | str]) -> None:
    """Where no trial has what a picture needs, words say which numbers are missing."""
    said = draw(rows_of_records([make_record(status="error")]))
    assert isinstance(said, str)
    assert said.startswith("No trial has")


def test_panels_of_one_setting_have_one_scale(make_record: Make) -> None:
    """Accuracies of two devices can be compared by eye."""
    records = [
        make_record(device="a", values={"accuracy": 20.0}),
        make_record(device="b", values={"accuracy": 90.0}),
    ]
    first, second = drawn(records).axes
    assert first.get_ylim() == second.get_ylim()


def test_names_cover_neither_marks_nor_names() -> None:
    """Names of crowded marks are apart; one without a place is told, not written over others."""
    figure = Figure(figsize=(4, 3))
    axes = figure.add_subplot()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    figure.draw_without_rendering()
    crowd = [Label(f"method {n}", 5 + 0.05 * n, 5 + 0.02 * n, "k") for n in range(40)]
    homeless = place_labels(axes, crowd)
    figure.draw_without_rendering()  # annotations find their places when they are drawn
    # Without the line that leads from a name to its mark.
    boxes = [Text.get_window_extent(text).padded(-0.5) for text in axes.texts]
    assert len(boxes) + len(homeless) == len(crowd)
    assert boxes
    assert homeless
    for n, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:n])


def test_a_scaled_budget_is_told(make_record: Make) -> None:
    """Under a picture of a scaled run stands what is scaled, beside the paper's."""
    (note,) = budget_notes([make_record(budget={"tasks": 4})])
    assert "4 tasks a seed (paper: 100)" in note
