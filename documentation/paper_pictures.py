"""Draws the paper's tables and figures beside ours, from estimates and the reference runs.

    python -m documentation.paper_pictures

What each picture shows is in `values.csv` beside them, so that a test can say when they no longer
agree with what is estimated.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

import harness
from documentation.pages import ROOT
from documentation.reference_results import collected
from harness.comparison.paper import PaperComparison, compare_with, compare_with_paper
from harness.comparison.published import PublishedSuite, load_published
from harness.plugins.loading import load_plugins
from harness.reports.pictures.lines import LinePanel, PlotLine, draw_line_panels
from harness.reports.pictures.notes import beside_of, statements_of
from harness.reports.pictures.paper import draw_paper
from harness.reports.pictures.style import drawing, svg_of
from harness.results.costs import EstimateRow
from harness.results.results import FoundEstimate, Results
from harness.system.files import made_folder, write_whole

__all__ = ["FIGURES", "PICTURES", "SUITES", "VALUES", "beside_published", "compared", "values_of"]

PICTURES = ROOT / "docs" / "assets" / "paper"
VALUES = PICTURES / "values.csv"
COLUMNS = (
    "picture", "metric", "unit", "method", "dataset", "setting", "device", "ours", "source",
    "published",
)  # fmt: skip
SUITES = ("table2", "table3", "table4", "figure9", "figure10", "figure12")
LOSSES = "figure7"
FIGURES = (*SUITES, LOSSES)
META_EPOCHS = (0.0, 15_000.0)  # of figure 7

Compared = Mapping[str, PaperComparison]  # by the picture's name


def main() -> None:
    """Draw all pictures, and write what they show."""
    found = compared()
    for old in made_folder(PICTURES).glob("*.*"):
        old.unlink()
    figures = {name: draw_paper(each, whole=True) for name, each in found.items()}
    for name, figure in {**figures, LOSSES: _losses()}.items():
        if isinstance(figure, Figure):
            write_whole(PICTURES / f"{name}.svg", svg_of(figure))
    write_whole(VALUES, values_of(found))


def compared(suites: Sequence[str] = SUITES) -> Compared:
    """Set estimates of each suite beside its published numbers, then the reference runs of it.

    Runs at a smaller budget than the published one say nothing of its numbers, and are left out.
    """
    plugins, reference = load_plugins(), collected()
    found: dict[str, PaperComparison] = {}
    for name in suites:
        found[name] = beside_published(name, harness.estimate(suite=name).rows)
        suite = load_published(name, plugins)
        runs = compare_with(suite, reference.rows, reference.stand_ins)
        for place, each in enumerate(each for each in runs if not each.scaled):
            found[f"{name}-run-{place + 1}"] = each
    return found


def beside_published(suite: str, rows: Sequence[EstimateRow]) -> PaperComparison:
    """Set estimates of a suite's rows beside its published numbers."""
    estimate = FoundEstimate(Path(), tuple(rows), suite)
    (found,) = compare_with_paper(Results((), (estimate,), (), ()), load_plugins(), suite)
    return found


def values_of(found: Compared) -> str:
    """Return as CSV every number that the pictures show, ours with six digits."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(COLUMNS)
    for name, each in found.items():
        for line in each.lines:
            if line.ours or line.published:
                place = line.place
                table.writerow([
                    name, line.metric.title, line.metric.unit, place.method, place.dataset,
                    place.setting, line.device if line.metric.short == "time" else "",
                    "" if line.ours is None else f"{line.ours:.6g}", line.source or "",
                    "" if line.published is None else f"{line.published:.10g}",
                ])  # fmt: skip
    for method, setting, value, where in _published_losses():
        row = (f"evaluation loss {where}", "nats", method, *setting.split(" ", 1))
        table.writerow([LOSSES, *row, "", "", "", f"{value:.10g}"])
    return text.getvalue()


def _published_losses() -> Iterator[tuple[str, str, float, str]]:
    for place, row in _suite().rows:
        for value, _, where in _suite().published.losses_of(row):
            yield place.method, f"{place.dataset} {place.setting}", value, where


def _suite() -> PublishedSuite:
    return load_published(LOSSES, load_plugins())


def _losses() -> Figure:
    """Draw the published losses of figure 7; no run of ours has its budget and data."""
    suite = _suite()
    beside = beside_of([suite], {})
    lines: Sequence[PlotLine] = [
        PlotLine(f"published {each.printed}, {each.name}", META_EPOCHS, *((each.value,) * 2,) * 3)
        for losses in beside.losses.values()
        for each in losses
    ]
    where = [
        f"{each.printed} {each.where} ({each.name})"
        for losses in beside.losses.values()
        for each in losses
    ]
    notes = [
        f"Dotted lines: published losses: {', '.join(where)}.",
        "None of ours: no run of this suite is kept, and an estimate trains nothing.",
        *statements_of([suite], of_losses=True),
    ]
    (setting,) = {setting for _, setting, *_ in _published_losses()}
    title = f"{setting}: published alone, nothing of ours was run"
    panel = LinePanel(title, "meta-epoch", "evaluation loss (nats)", [], 0, references=lines)
    with drawing():
        return draw_line_panels(suite.title, notes, [panel])


if __name__ == "__main__":
    main()
