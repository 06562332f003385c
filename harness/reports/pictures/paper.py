"""Draws our numbers beside published ones: a dot for each, joined, the farthest apart first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.comparison.findings import findings_of_paper
from harness.comparison.paper import PaperComparison, PaperLine
from harness.reports.pictures.frame import MAX_PANELS, framed, logarithmic, spread
from harness.reports.pictures.notes import label_of
from harness.reports.pictures.style import INK, MUTED, PAPER, drawing, looks

__all__ = ["draw_paper"]

MOST_LINES = 32  # of a panel
ROW = 0.19  # inches a line
NAME = 60  # characters of a line's name
LEGEND = "Open grey marks: published. Coloured marks: ours; hollow where emulated or predicted."
BARS = "Bars: of ours the 95 % interval, or the band of a prediction; of published accuracies the "
BARS += "standard deviation over seeds."
CHANCE = "Dotted strokes: guessing among the classes."


def draw_paper(compared: PaperComparison, *, whole: bool = False) -> Figure | str:
    """Draw a panel for each metric, and for time one for each device; else return why not.

    Args:
        compared: ours beside the published numbers.
        whole: whether lines with only our number, or only the published one, are drawn as well,
            below the others.
    """
    sections = [
        (device, lines)
        for short, device in compared.sections
        if (lines := _known(compared, short, device, whole=whole))
    ]
    if not sections:
        return f"{compared.suite.title}: none of its published numbers has one of ours beside it."
    rows = min(max(len(lines) for _, lines in sections), MOST_LINES)
    source = f"Published: {compared.suite.published.source.rstrip('.')}."
    guessed = any(line.chance is not None for _, lines in sections for line in lines)
    remarks = compared.remarks if whole else compared.remarks[:1]
    notes = [*findings_of_paper(compared), LEGEND, BARS, *[CHANCE] * guessed, source, *remarks]
    with drawing():
        shown = sections[:MAX_PANELS]
        title = f"{compared.suite.title}: ours against the published numbers"
        figure, grid = framed(title, notes, len(shown), height=0.8 + ROW * rows, columns=1)
        for axes, (device, lines) in zip(grid, shown, strict=True):
            _draw(axes, device, lines[:MOST_LINES], compared.suite.labels)
    return figure


def _known(
    compared: PaperComparison, metric: str, device: str | None, *, whole: bool
) -> list[PaperLine]:
    """Return lines with both numbers, the farthest apart first; then, if wanted, the others.

    Lines to which the suite gives names, such as mechanisms, stay in their order.
    """
    lines = compared.lines_of(metric, device)
    both = [line for line in lines if line.relative is not None and line.ours and line.published]
    ordered = sorted(both, key=lambda line: -abs(line.relative or 0.0))
    ordered = both if compared.suite.labels else ordered
    return ordered + [line for line in lines if whole and line not in both and _ends(line)]


def _ends(line: PaperLine) -> list[float]:
    """Return the ends of all that is drawn of a line."""
    values = []
    for value, off in ((line.ours, line.interval), (line.published, line.published_std)):
        if value:
            values += [value - (off or 0.0), value + (off or 0.0)]
    return values + [end for end in (line.low, line.high) if end and line.ours]


def _draw(
    axes: Axes, device: str | None, lines: Sequence[PaperLine], labels: Mapping[str, str]
) -> None:
    metric = lines[0].metric
    axes.set_title(metric.title + (f" on {label_of(device)}" if device else "") + _missing(lines))
    if metric.unit == "%":
        axes.set_xlim(0, 100)
    else:
        logarithmic(axes, "x", spread([end for line in lines for end in _ends(line)]))
    styles = looks(line.place.method for line in lines)
    for row, line in enumerate(lines):
        look = styles[line.place.method]
        if line.chance is not None:
            axes.plot([line.chance] * 2, [row - 0.4, row + 0.4], ":", color=MUTED, lw=1.1)
        if line.ours and line.published:
            axes.plot([line.ours, line.published], [row, row], color=MUTED, lw=1.0, zorder=2)
        if line.published:
            axes.errorbar(
                line.published, row, xerr=line.published_std, fmt="o", color=MUTED, mfc=PAPER, ms=5,
                elinewidth=0.7, zorder=3,
            )  # fmt: skip
        if line.ours:
            face = look.colour if line.source == "measured" else PAPER
            axes.errorbar(
                line.ours, row, xerr=_reach(line), marker=look.marker, ls="none",
                color=look.colour, mfc=face, mew=1.3, ms=6, elinewidth=0.8, zorder=4,
            )  # fmt: skip
        axes.annotate(
            _beside(line), (1, row), (4, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", va="center", size=7, color=INK,
        )  # fmt: skip
    axes.set_yticks(range(len(lines)), [_name(line, labels) for line in lines])
    axes.set(xlabel=metric.axis(is_logarithmic=metric.unit != "%"), ylim=(len(lines) - 0.4, -0.6))
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)


def _reach(line: PaperLine) -> list[list[float]] | None:
    """Return how far a bar goes to the left and to the right of ours; None for none."""
    ours = line.ours or 0.0
    if line.interval is not None:
        return [[line.interval], [line.interval]]
    if line.low is None or line.high is None or line.low == line.high:
        return None
    return [[max(ours - line.low, 0.0)], [max(line.high - ours, 0.0)]]


def _beside(line: PaperLine) -> str:
    """Say how far ours is from the published number, or which of the two is not known."""
    if line.relative is not None and line.ours:
        return f"{round(100 * line.relative):+d} %".replace("-", "−")
    return "ours not known" if line.published else "not published"


def _missing(lines: Sequence[PaperLine]) -> str:
    """Say of a panel that it has published numbers alone, or ours alone."""
    if not any(line.ours for line in lines):
        return ": published alone, nothing of ours was run"
    return "" if any(line.published for line in lines) else ": ours alone, no number is published"


def _name(line: PaperLine, labels: Mapping[str, str]) -> str:
    method = labels.get(line.place.method, line.place.method)
    return "\n".join(wrap(f"{method}, {line.place.dataset} {line.place.setting}", NAME)[:2])
