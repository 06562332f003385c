"""Memory over the search steps of single trials: the peak of each, under the device's limit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.metrics import METRICS, MIB, to_mib
from harness.report.pictures.frame import logarithmic, spread
from harness.report.pictures.lines import MOST_LINES, Line, LinePanel, draw_line_panels
from harness.report.pictures.notes import label_of, setting_of, source_notes
from harness.report.pictures.style import INK, drawing
from harness.results.results import FoundTrial
from harness.results.run_files import read_steps

__all__ = ["draw_steps", "thinned"]

MOST_PLACES = 120  # on a line; more steps are joined, their largest peak kept

Panels = dict[str, list[FoundTrial]]


def draw_steps(trials: Sequence[FoundTrial], notes: Sequence[str] = ()) -> Figure | str:
    """Draw one trial of each method, that of its lowest seed, on each setting and device.

    Says why if there is nothing to draw.
    """
    panels = [panel for named in _panels(trials).items() if (panel := _panel(*named)).lines]
    if not panels:
        return "No trial has steps whose memory was counted."
    joined = any(len(line.x) >= MOST_PLACES for panel in panels for line in panel.lines)
    said = ["One trial of each method, that of its lowest seed; steps of all its tasks in a row."]
    if joined:
        said.append(f"Over {MOST_PLACES} steps, neighbours are joined: the largest of them.")
    said += source_notes(trial.record.device.mode for trial in trials)
    with drawing():
        return draw_line_panels("Peak memory of each search step", [*notes, *said], panels)


def thinned(values: Sequence[float], most: int = MOST_PLACES) -> list[tuple[int, float]]:
    """Join neighbours until there are at most `most`: each with its first place and largest."""
    size = -(-len(values) // most) or 1
    return [(start, max(values[start : start + size])) for start in range(0, len(values), size)]


def _panels(trials: Iterable[FoundTrial]) -> Panels:
    """Choose the trial of the lowest seed for each method in each panel."""
    chosen: dict[tuple[str, str], FoundTrial] = {}
    for trial in trials:
        record = trial.record
        device = f"{label_of(record.device.model)} ({record.device.mode})"
        key = f"{setting_of(record)}\n{device}", record.label
        if key not in chosen or record.seed < chosen[key].record.seed:
            chosen[key] = trial
    panels: Panels = {}
    for (name, _), trial in chosen.items():
        panels.setdefault(name, []).append(trial)
    return panels


def _panel(name: str, trials: Sequence[FoundTrial]) -> LinePanel:
    limit = trials[0].record.device.memory_limit_bytes
    lines = list(islice(filter(None, map(_line, trials)), MOST_LINES))
    values = [y for line in lines for y in line.y]
    dress = partial(_dress, values=values, limit_mib=to_mib(limit))
    words = METRICS["peak_memory"].axis(is_logarithmic=True)
    return LinePanel(name, "search step", words, lines, len(trials), dress)


def _line(trial: FoundTrial) -> Line | None:
    counted = [step.memory_bytes for step in read_steps(trial.folder) if step.memory_bytes]
    if not counted:
        return None
    x, y = zip(*thinned([size / MIB for size in counted]), strict=True)
    hollow = trial.record.device.mode != "measured"
    return Line(label_of(trial.record.label), [place + 1 for place in x], y, y, y, hollow)


def _dress(axes: Axes, values: Sequence[float], limit_mib: float | None) -> None:
    """Make memory's axis logarithmic, the device's limit on it."""
    logarithmic(axes, "y", spread(values if limit_mib is None else [*values, limit_mib]))
    if limit_mib is not None:
        axes.axhline(limit_mib, color=INK, lw=1.1, ls=(0, (4, 2)))
        axes.annotate(
            f"limit {limit_mib:,.0f} MiB", (0, limit_mib), (3, -2), va="top", size=7,
            xycoords=("axes fraction", "data"), textcoords="offset points",
        )  # fmt: skip
