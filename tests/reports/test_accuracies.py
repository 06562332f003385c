"""Wherever accuracies are shown, intervals and guessing are, and what is not shown to differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

from harness.comparison.paper import compare_with_paper
from harness.plugins.loading import load_plugins
from harness.reports.pictures.gallery import charts_of
from harness.reports.pictures.paper import draw_paper
from harness.reports.table import Table
from harness.reports.tables import tables_of
from harness.results.record import Record
from harness.results.results import FoundTrial, Results

OMNIGLOT = {"label": "omniglot", "name": "omniglot", "ways": 20, "shots": 5, "queries": 1}
CURVE = [{"meta_epoch": e, "loss": 2.0 - e, "accuracy": 30.0 + 9 * e} for e in (0, 1)]


@pytest.fixture(scope="module")
def found(make_record: Callable[..., Record]) -> Results:
    """Three variants of a method and another, three seeds each, whose accuracies overlap."""
    variants = [(f"onnas[q={q}]", {"q": q}) for q in (1, 3, 5)]
    records = [
        make_record(
            label, seed, dataset=OMNIGLOT, values={"accuracy": 90.0 + 3 * seed + shift},
            method={"name": label.partition("[")[0], "version": "1", "distribution": "d",
                    "params": params},
            pretraining={"key": f"{label}{seed}", "seconds": 1.0, "curve": CURVE},
        )
        for shift, (label, params) in enumerate([*variants, ("darts", {})])
        for seed in range(3)
    ]  # fmt: skip
    return Results(tuple(FoundTrial(Path(), each) for each in records), (), (), ())


def words(figure: Figure) -> str:
    """Everything that is written in a picture."""
    axes = [text.get_text() for each in figure.axes for text in each.texts]
    return " ".join([*axes, *(text.get_text() for text in figure.texts)])


def test_every_picture_of_accuracies_has_them(found: Results) -> None:
    """Each panel of accuracies has the line of guessing, and says what its bars or bands are."""
    met = 0
    for picture in charts_of(found):
        figure: Any = picture.drawn
        panels = [] if isinstance(figure, str) else figure.axes
        shown = [each for each in panels if "accuracy" in (each.get_ylabel() + each.get_xlabel())]
        met += len(shown)
        for axes in shown:
            assert "guessing 5 %" in [text.get_text() for text in axes.texts], picture.name
        if shown:
            assert any(each in words(figure) for each in ("95 % interval", "bands:")), picture.name
    assert met >= 3  # over memory, over the parameter, over meta-epochs


def test_a_picture_beside_the_paper_has_them(found: Results) -> None:
    """Bars of ours and of the published deviation, and strokes for guessing."""
    (compared,) = compare_with_paper(found, load_plugins(), "table3")
    figure = draw_paper(compared, whole=True)
    assert isinstance(figure, Figure)
    (accuracy,) = [axes for axes in figure.axes if axes.get_xlabel() == "accuracy (%)"]
    assert len(accuracy.containers) > 3  # error bars
    dotted = [line for line in accuracy.lines if line.get_linestyle() == ":"]
    assert {round(float(line.get_xdata()[0])) for line in dotted} == {5, 20}  # type: ignore[index, arg-type]
    assert "guessing among the classes" in words(figure)
    assert "ours not known" in words(figure)


def test_every_table_of_accuracies_has_them(found: Results) -> None:
    """Intervals have a column, guessing a sentence; findings say what is not shown to differ."""
    tables: Sequence[Table] = tables_of(found, [])
    (findings,) = [each for each in tables if not each.columns]
    assert any("no difference shown" in sentence for sentence in findings.caption)
    for table in tables:
        keys = {column.key for column in table.columns}
        if "accuracy_percent" in keys:
            assert "interval_points" in keys
            assert any("Guessing among the classes: 5 %" in each for each in table.caption)
