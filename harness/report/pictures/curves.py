"""Pretraining curves: loss and accuracy on validation classes over meta-epochs, for all seeds."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from matplotlib.figure import Figure

from harness.report.pictures.lines import MOST_LINES, Line, LinePanel, draw_line_panels
from harness.report.pictures.notes import Beside, Loss, setting_of
from harness.report.pictures.style import drawing
from harness.results.record import CurvePoint, Record

__all__ = ["draw_curves"]

Curves = dict[str, list[CurvePoint]]  # for each checkpoint
UPWARD = (("loss", "evaluation loss (nats)"), ("accuracy", "evaluation accuracy (%)"))


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
    bands = ["Lines: means over seeds; bands: the least and the most of them."] * (seeds > 1)
    methods = {name for named in settings.values() for name in named}
    title = f"Pretraining of {len(methods)} methods" if len(methods) > 1 else "Pretraining"
    losses = _losses(records, beside)
    panels = [
        _panel(*item, *up, losses.get(item[0], ())) for item in settings.items() for up in UPWARD
    ]
    with drawing():
        return draw_line_panels(title, [*_told(losses), *notes, *bands], panels)


def _panel(
    setting: str, named: dict[str, Curves], what: str, words: str, losses: Sequence[Loss]
) -> LinePanel:
    chosen = list(named.items())[:MOST_LINES]
    lines = [_line(name, list(curves.values()), what) for name, curves in chosen]
    ends = (min(line.x[0] for line in lines), max(line.x[-1] for line in lines))
    dotted = [_dotted(loss, ends) for loss in losses if what == "loss"]
    return LinePanel(setting, "meta-epoch", words, lines, len(named), references=dotted)


def _losses(records: Sequence[Record], beside: Beside) -> dict[str, list[Loss]]:
    """Return for each setting the losses that were published of it."""
    return {setting_of(record): list(beside.losses_beside(record)) for record in records}


def _told(losses: dict[str, list[Loss]]) -> list[str]:
    """Say where on their curves the published losses are."""
    every = dict.fromkeys(loss for own in losses.values() for loss in own)
    told = [f"{loss.printed} {loss.where} ({loss.name})" for loss in every]
    return [f"Dotted lines: published losses: {', '.join(told)}."] if told else []


def _dotted(loss: Loss, ends: tuple[float, float]) -> Line:
    values = (loss.value, loss.value)
    return Line(f"published {loss.printed}, {loss.name}", ends, values, values, values)


def _settings(records: Sequence[Record], beside: Beside) -> dict[str, dict[str, Curves]]:
    """Return for each setting and method the curves of its checkpoints."""
    found: dict[str, dict[str, Curves]] = {}
    for record in records:
        pretraining = record.pretraining
        if pretraining is not None and len(pretraining.curve) > 1:
            named = found.setdefault(setting_of(record), {})
            named.setdefault(beside.name_of(record), {})[pretraining.key] = pretraining.curve
    return found


def _line(name: str, curves: Sequence[Sequence[CurvePoint]], what: str) -> Line:
    """Join curves at the meta-epochs that all of them have."""
    by_epoch = [{point.meta_epoch: getattr(point, what) for point in curve} for curve in curves]
    epochs = sorted(set.intersection(*map(set, by_epoch)))
    values = [[curve[epoch] for curve in by_epoch] for epoch in epochs]
    return Line(
        name=name,
        x=epochs,
        y=[fmean(each) for each in values],
        low=[min(each) for each in values],
        high=[max(each) for each in values],
    )
