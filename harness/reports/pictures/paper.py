"""Ours against the published numbers: a dot each and a line between, the farthest apart first."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.comparison.findings import findings_of_paper
from harness.comparison.paper import PaperComparison, PaperLine
from harness.reports.pictures.frame import MAX_PANELS, framed, logarithmic, spread, titled
from harness.reports.pictures.notes import label_of
from harness.reports.pictures.style import INK, MUTED, PAPER, drawing, looks

__all__ = ["draw_paper"]

MOST_LINES = 32  # of a panel
ROW = 0.19  # inches a line
LEGEND = "Open grey marks: published. Coloured marks: ours; hollow where emulated or predicted."


def draw_paper(compared: PaperComparison) -> Figure | str:
    """Draw a panel for each metric, of time one for each device; say why if there is none."""
    sections = [
        (short, device, lines)
        for short, device in compared.sections
        if (lines := _known(compared.lines_of(short, device)))
    ]
    if not sections:
        return f"{compared.suite.title}: none of its published numbers has one of ours beside it."
    rows = min(max(len(lines) for *_, lines in sections), MOST_LINES)
    source = f"Published: {compared.suite.published.source.rstrip('.')}."
    notes = [*findings_of_paper(compared), LEGEND, source, *compared.remarks[:1]]
    with drawing():
        shown = sections[:MAX_PANELS]
        title = f"{compared.suite.title}: ours against the published numbers"
        figure, grid = framed(title, notes, len(shown), height=0.8 + ROW * rows, columns=1)
        for axes, (_, device, lines) in zip(grid, shown, strict=True):
            _draw(axes, device, lines[:MOST_LINES])
    return figure


def _known(lines: Sequence[PaperLine]) -> list[PaperLine]:
    """Return what both have, the farthest apart first."""
    known = [line for line in lines if line.relative is not None and line.ours and line.published]
    return sorted(known, key=lambda line: -abs(line.relative or 0.0))


def _draw(axes: Axes, device: str | None, lines: Sequence[PaperLine]) -> None:
    metric = lines[0].metric
    titled(axes, metric.title + (f" on {label_of(device)}" if device else ""))
    styles = looks(line.place.method for line in lines)
    every = [value for line in lines for value in (line.ours or 0.0, line.published or 0.0)]
    if metric.unit == "%":
        axes.set_xlim(0, 100)
    else:
        logarithmic(axes, "x", spread(every))
    for row, line in enumerate(lines):
        look = styles[line.place.method]
        ours, published = line.ours or 0.0, line.published or 0.0
        axes.plot([ours, published], [row, row], color=MUTED, lw=1.0, zorder=2)
        axes.plot(published, row, "o", color=MUTED, mfc=PAPER, ms=5, zorder=3)
        face = look.colour if line.source == "measured" else PAPER
        axes.plot(ours, row, look.marker, color=look.colour, mfc=face, mew=1.3, ms=6, zorder=4)
        axes.annotate(
            f"{round(100 * (line.relative or 0.0)):+d} %".replace("-", "−"), (1, row), (4, 0),
            xycoords=("axes fraction", "data"), textcoords="offset points", va="center", size=7,
            color=INK,
        )  # fmt: skip
    names = [label_of(f"{e.place.method}, {e.place.dataset} {e.place.setting}", 64) for e in lines]
    axes.set_yticks(range(len(lines)), names)
    axes.set(xlabel=metric.axis(is_logarithmic=metric.unit != "%"), ylim=(len(lines) - 0.4, -0.6))
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
