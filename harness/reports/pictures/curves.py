"""Lines over time, or over a cost: pretraining, memory of search steps, and fronts."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice
from statistics import fmean, median

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.experiment.objective import Cost
from harness.experiment.outcome import CurvePoint, FrontPoint
from harness.metrics import METRICS, MIB, to_mib
from harness.reports.pictures.frame import draw_chance, logarithmic, scale_up, spread
from harness.reports.pictures.lines import MOST_LINES, LinePanel, PlotLine, draw_line_panels
from harness.reports.pictures.notes import Beside, Loss, label_of, setting_of, source_notes
from harness.reports.pictures.style import INK, drawing
from harness.results.record import Record
from harness.results.results import FoundTrial
from harness.results.run_files import read_steps

__all__ = ["draw_curves", "draw_fronts", "draw_steps", "lowest_seeds", "thinned"]

Curves = dict[str, list[CurvePoint]]  # for each checkpoint
UPWARD = (("loss", "evaluation loss (nats)"), ("accuracy", "evaluation accuracy (%)"))
SHOWN = 3.0  # of a front, times as far below the best as its median is
MOST_PLACES = 120  # on a line; more steps are joined, their largest peak kept

Panels = dict[str, list[FoundTrial]]


def draw_curves(
    records: Sequence[Record], notes: Sequence[str] = (), beside: Beside | None = None
) -> Figure | str:
    """Draw for each setting the loss and the accuracy; say why if there is nothing to draw.

    Trials that started from the same checkpoint have one curve, whatever their devices.

    Args:
        records: of which those are drawn whose pretraining has a curve.
        notes: lines under the picture.
        beside: what suites call the methods, and losses that were published of their settings.
    """
    beside = beside or Beside()
    settings = _settings(records, beside)
    if not settings:
        return "No trial has a pretraining curve of two points or more."
    seeds = max(len(curves) for named in settings.values() for curves in named.values())
    bands = ["Lines: means over seeds; bands: from the smallest to the largest."] * (seeds > 1)
    methods = {name for named in settings.values() for name in named}
    title = f"Pretraining of {len(methods)} methods" if len(methods) > 1 else "Pretraining"
    losses = _losses(records, beside)
    chances = {setting_of(record): record.chance for record in records}
    panels = [
        _panel(*item, *up, losses.get(item[0], ()), chances[item[0]])
        for item in settings.items()
        for up in UPWARD
    ]
    with drawing():
        return draw_line_panels(title, [*_told(losses), *notes, *bands], panels)


def draw_steps(trials: Sequence[FoundTrial], notes: Sequence[str] = ()) -> Figure | str:
    """Draw one trial of each method, that of its lowest seed, on each setting and device.

    Says why if there is nothing to draw.
    """
    panels = [
        panel for named in _step_panels(trials).items() if (panel := _step_panel(*named)).lines
    ]
    if not panels:
        return "No trial has steps whose memory was counted."
    joined = any(len(line.x) >= MOST_PLACES for panel in panels for line in panel.lines)
    said = ["One trial of each method, that of its lowest seed; steps of all its tasks in a row."]
    if joined:
        said.append(f"Over {MOST_PLACES} steps, neighbours are joined: the largest of them.")
    said += source_notes(trial.record.device.mode for trial in trials)
    with drawing():
        return draw_line_panels("Peak memory of each search step", [*notes, *said], panels)


def draw_fronts(records: Sequence[Record], notes: Sequence[str] = ()) -> Figure | str:
    """Draw the front that each method's lowest seed found, a panel for each cost.

    The front of the whole table stands behind them. Says why if there is nothing to draw.
    """
    settings: dict[str, list[Record]] = {}
    for record in records:
        if record.front:
            settings.setdefault(setting_of(record), []).append(record)
    if not settings:
        return "No search has found a front."
    panels = [
        _front_panel(setting, cost, own)
        for setting, own in settings.items()
        for cost in own[0].front[0].costs
    ]
    said = [
        "Of each method the front of its lowest seed: the accuracy that can be had up to each "
        "cost. Grey dots: the front of the whole table. The worst may lie below the axis.",
        *(_volumes(setting, own) for setting, own in settings.items()),
        *source_notes(["tabular"]),
    ]
    with drawing():
        return draw_line_panels("Accuracy that each cost allows", [*said, *notes], panels)


def _front_panel(setting: str, cost: Cost, records: Sequence[Record]) -> LinePanel:
    lowest = lowest_seeds(records)
    lines = [_front_line(label_of(each.label), each.front, cost) for each in lowest]
    table = next((each.table_front for each in lowest if each.table_front), [])
    every = [value for line in lines for value in line.y]
    # A network that computes nothing is on the front, and would leave little room for the others.
    least = max(min(every), max(every) - SHOWN * (max(every) - median(every)))

    def dress(axes: Axes) -> None:
        scale_up(axes, [least, max(every)], is_logarithmic=False)

    return LinePanel(
        setting,
        METRICS[cost].axis(),
        METRICS["accuracy"].axis(),
        lines[:MOST_LINES],
        len(lines),
        dress,
        references=[_front_line("the table's own", table, cost)] if table else [],
        is_stepped=True,
    )


def lowest_seeds(records: Iterable[Record]) -> list[Record]:
    """Return the record of each method that has its lowest seed."""
    found: dict[str, Record] = {}
    for record in records:
        known = found.get(record.label)
        if known is None or record.seed < known.seed:
            found[record.label] = record
    return list(found.values())


def _front_line(name: str, front: Sequence[FrontPoint], cost: Cost) -> PlotLine:
    """Join what is the best up to each cost; of several costs the others are left aside."""
    x: list[float] = []
    y: list[float] = []
    for at, accuracy in sorted((point.costs[cost], point.accuracy) for point in front):
        if not y or accuracy > y[-1]:
            x.append(at)
            y.append(accuracy)
    return PlotLine(name, x, y, y, y, hollow=True)


def _volumes(setting: str, records: Sequence[Record]) -> str:
    """Say how much of the table's hypervolume each method found, over its seeds."""
    found: dict[str, list[float]] = {}
    for record in records:
        metric = record.metrics.get("hypervolume")
        if metric is not None and metric.value is not None:
            found.setdefault(label_of(record.label), []).append(metric.value)
    each = ", ".join(f"{name} {fmean(values):.1f} %" for name, values in found.items())
    seeds = max(map(len, found.values()), default=0)
    over = f", means of up to {seeds} seeds" if seeds > 1 else ""
    return f"{setting}: share of the table's hypervolume{over}: {each or 'not known'}."


def thinned(values: Sequence[float], most: int = MOST_PLACES) -> list[tuple[int, float]]:
    """Join neighbours until there are at most `most`: each with its first place and largest."""
    size = -(-len(values) // most) or 1
    return [(start, max(values[start : start + size])) for start in range(0, len(values), size)]


def _panel(  # noqa: PLR0913, PLR0917 - what a panel shows
    setting: str,
    named: dict[str, Curves],
    what: str,
    words: str,
    losses: Sequence[Loss],
    chance: float | None,
) -> LinePanel:
    chosen = list(named.items())[:MOST_LINES]
    lines = [_line(name, list(curves.values()), what) for name, curves in chosen]
    ends = (min(line.x[0] for line in lines), max(line.x[-1] for line in lines))
    dotted = [_dotted(loss, ends) for loss in losses if what == "loss"]

    def dress(axes: Axes) -> None:
        if what == "accuracy" and chance is not None:
            draw_chance(axes, chance)

    return LinePanel(setting, "meta-epoch", words, lines, len(named), dress, dotted)


def _losses(records: Sequence[Record], beside: Beside) -> dict[str, list[Loss]]:
    """Return for each setting the losses that were published of it."""
    return {setting_of(record): list(beside.losses_beside(record)) for record in records}


def _told(losses: dict[str, list[Loss]]) -> list[str]:
    """Say where on their curves the published losses are."""
    every = dict.fromkeys(loss for own in losses.values() for loss in own)
    told = [f"{loss.printed} {loss.where} ({loss.name})" for loss in every]
    return [f"Dotted lines: published losses: {', '.join(told)}."] if told else []


def _dotted(loss: Loss, ends: tuple[float, float]) -> PlotLine:
    values = (loss.value, loss.value)
    return PlotLine(f"published {loss.printed}, {loss.name}", ends, values, values, values)


def _settings(records: Sequence[Record], beside: Beside) -> dict[str, dict[str, Curves]]:
    """Return for each setting and method the curves of its checkpoints."""
    found: dict[str, dict[str, Curves]] = {}
    for record in records:
        pretraining = record.pretraining
        if pretraining is not None and len(pretraining.curve) > 1:
            named = found.setdefault(setting_of(record), {})
            named.setdefault(beside.name_of(record), {})[pretraining.key] = pretraining.curve
    return found


def _line(name: str, curves: Sequence[Sequence[CurvePoint]], what: str) -> PlotLine:
    """Join curves at the meta-epochs that all of them have."""
    by_epoch = [{point.meta_epoch: getattr(point, what) for point in curve} for curve in curves]
    epochs = sorted(set.intersection(*map(set, by_epoch)))
    values = [[curve[epoch] for curve in by_epoch] for epoch in epochs]
    return PlotLine(
        name=name,
        x=epochs,
        y=[fmean(each) for each in values],
        low=[min(each) for each in values],
        high=[max(each) for each in values],
    )


def _step_panels(trials: Iterable[FoundTrial]) -> Panels:
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


def _step_panel(name: str, trials: Sequence[FoundTrial]) -> LinePanel:
    limit = trials[0].record.device.memory_limit_bytes
    lines = list(islice(filter(None, map(_step_line, trials)), MOST_LINES))
    values = [y for line in lines for y in line.y]
    dress = partial(_memory_axis, values=values, limit_mib=to_mib(limit))
    words = METRICS["peak_memory"].axis(is_logarithmic=True)
    return LinePanel(name, "search step", words, lines, len(trials), dress)


def _step_line(trial: FoundTrial) -> PlotLine | None:
    counted = [step.memory_bytes for step in read_steps(trial.folder) if step.memory_bytes]
    if not counted:
        return None
    x, y = zip(*thinned([size / MIB for size in counted]), strict=True)
    hollow = trial.record.device.mode != "measured"
    return PlotLine(label_of(trial.record.label), [place + 1 for place in x], y, y, y, hollow)


def _memory_axis(axes: Axes, values: Sequence[float], limit_mib: float | None) -> None:
    """Make memory's axis logarithmic, the device's limit on it."""
    logarithmic(axes, "y", spread(values if limit_mib is None else [*values, limit_mib]))
    if limit_mib is not None:
        axes.axhline(limit_mib, color=INK, lw=1.1, ls=(0, (4, 2)))
        axes.annotate(
            f"limit {limit_mib:,.0f} MiB", (0, limit_mib), (3, -2), va="top", size=7,
            xycoords=("axes fraction", "data"), textcoords="offset points",
        )  # fmt: skip
