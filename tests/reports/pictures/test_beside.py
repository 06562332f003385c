"""What suites say stands beside what was run: short names, and published losses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from matplotlib.figure import Figure

from harness.comparison.published import PublishedSuite, load_published
from harness.plugins.loading import load_plugins
from harness.reports.lines import lines_of_rows
from harness.reports.pictures.curves import draw_curves
from harness.reports.pictures.notes import Beside, beside_of, statements_of
from harness.reports.pictures.variants import bars_of
from harness.results.record import Record
from harness.results.summary import rows_of_records

Make = Callable[..., Record]
PHOTOS = {"name": "folder", "label": "folder[path=photos]", "ways": 5, "shots": 5}
STAND_INS = {"folder[path=photos]": "miniimagenet"}


def suite(name: str) -> PublishedSuite:
    """A suite that a plugin registers."""
    return load_published(name, load_plugins())


def curve(loss: float) -> dict[str, Any]:
    """A pretraining whose loss falls to a value."""
    points = [{"meta_epoch": e, "loss": loss + 1 - e, "accuracy": 50.0} for e in (0, 1)]
    return {"key": str(loss), "seconds": 1.0, "curve": points}


@pytest.mark.parametrize("name", ["figure7", "figure9", "figure12"])
def test_every_method_of_a_figure_has_a_name_of_its_own(name: str) -> None:
    """Each published row of a figure of mechanisms has a label, no two methods the same."""
    found = suite(name)
    methods = {place.method for place, _ in found.rows}
    assert set(found.labels) == methods
    assert len(set(found.labels.values())) == len(methods)


def test_bars_have_the_names_of_mechanisms(make_record: Make) -> None:
    """A variant that a suite names has that name; any other has its parameters."""
    methods = ("onnas", "onnas[gradient=selected,step_by_step=false]", "onnas[q=5]")
    records = [make_record(each, dataset=PHOTOS) for each in methods]
    lines = lines_of_rows(rows_of_records(records), STAND_INS)
    (bars,) = bars_of(lines, beside_of([suite("figure9")], STAND_INS)).values()
    assert [bar.name for bar in bars] == ["α + β + step by step", "α + β: edge pairs too", "q=5"]
    (plain,) = bars_of(lines, Beside()).values()
    assert [bar.name for bar in plain] == [
        "as it is",
        "gradient=selected, step_by_step=false",
        "q=5",
    ]


def test_published_losses_are_lines_beside_the_curves(make_record: Make) -> None:
    """The losses of figure 7 are dotted lines of their setting, with the printed numbers."""
    records = [
        make_record("onnas", dataset=PHOTOS, pretraining=curve(1.0)),
        make_record("onnas", dataset={**PHOTOS, "shots": 1}, pretraining=curve(1.5)),
    ]
    figure = draw_curves(records, beside=beside_of([suite("figure7")], STAND_INS))
    assert isinstance(figure, Figure)
    loss, accuracy, *others = figure.axes
    dotted = [line.get_ydata()[0] for line in loss.lines if line.get_marker() == "None"]  # type: ignore[index]
    assert dotted == [1.22, 1.08, 1.20]
    assert [text.get_text() for text in loss.texts if "published" in text.get_text()] == [
        "published 1.08, both coefficients",
        "published 1.20, both coefficients",
        "published 1.22, no coefficients",
    ]
    for axes in (accuracy, *others):
        assert not [text for text in axes.texts if "published" in text.get_text()]


def test_where_published_losses_are_is_said(make_record: Make) -> None:
    """Under the curves stands where on its curve each loss was, its source, and what is missing."""
    told = [suite("figure7")]
    record = make_record("onnas", dataset=PHOTOS, pretraining=curve(1.0))
    figure = draw_curves(
        [record], list(statements_of(told, of_losses=True)), beside_of(told, STAND_INS)
    )
    assert isinstance(figure, Figure)
    said = " ".join(" ".join(text.get_text() for text in figure.texts).split())
    assert "1.20 near meta-epoch 5,000 (both coefficients)" in said
    assert "figure 7 (doi" in said
    assert "only three losses are in the paper's text" in said
