"""Prints published numbers beside ours: a table for each metric, a line that sums up, remarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.cli.compare_table import marked, signed
from harness.cli.plain_table import EMULATED, MISSING, NOT_FITTING, PREDICTED, plain_table
from harness.compare.metrics import METRICS
from harness.compare.paper import PaperComparison, PaperLine
from harness.results.reading import one_line

__all__ = ["print_paper"]


def print_paper(compared: PaperComparison, console: Console) -> None:
    """Print all of it."""
    console.print(Text(compared.suite.title))
    for metric, device in compared.sections:
        chosen = [
            line
            for line in compared.lines
            if line.metric.name == metric and device in (None, line.device)
        ]
        if any(line.ours is not None or line.fits is not None for line in chosen):
            _print_section(metric, device, chosen, console)
    for text in (*_summaries(compared), *_legend(compared.lines), *_remarks(compared)):
        console.print(Text(one_line(text, limit=1000)), soft_wrap=not console.is_terminal)


def _print_section(
    metric: str, device: str | None, lines: Sequence[PaperLine], console: Console
) -> None:
    spec = METRICS[metric]
    title = f"{spec.title}, {spec.unit}" + (f", on {device}" if device else "")
    ranged = any(map(_range, lines))
    numbers = ("ours", *(["range"] if ranged else []), "paper", "difference %")
    cells = (_cells(line, ranged=ranged) for line in lines)
    console.print(plain_table(("method", "data"), numbers, rows=cells, title=title))


def _cells(line: PaperLine, *, ranged: bool) -> tuple[str, ...]:
    data = f"{line.stand_in or line.place.dataset} {line.place.setting}"
    relative = line.relative
    return (
        one_line(line.place.method),
        one_line(data),
        marked(line.ours, line.source, line.fits),
        *([_range(line)] if ranged else []),
        _published(line),
        signed(None if relative is None else 100 * relative),
    )


def _range(line: PaperLine) -> str:
    if line.low is None or line.high is None or line.low == line.high:
        return ""
    return f"{PREDICTED}{line.low:,.2f} to {PREDICTED}{line.high:,.2f}"


def _published(line: PaperLine) -> str:
    """Return a published number with the digits that it has."""
    if line.published_fits is False:
        return NOT_FITTING
    return MISSING if line.published is None else f"{line.published:,.10g}"


def _summaries(compared: PaperComparison) -> Iterator[str]:
    for metric, device in compared.sections:
        summary = compared.summary(metric, device)
        name = METRICS[metric].title + (f" on {device}" if device else "")
        mean, largest = summary["mean_absolute_relative"], summary["largest_absolute_relative"]
        line = f"{name}: {summary['compared']} of {summary['published']} published numbers compared"
        if mean is not None:
            line += f", mean absolute difference {100 * mean:.1f} %, largest {100 * largest:.1f} %"
        if summary["fits_known"]:
            agree, known = summary["fits_agree"], summary["fits_known"]
            line += f"; {agree} of {known} agree on what the device holds ({NOT_FITTING})"
        yield f"{line}."


def _remarks(compared: PaperComparison) -> Iterator[str]:
    yield f"Published: {compared.suite.published.source}."
    yield from compared.remarks
    yield from (f"Not published: {side}." for side in compared.others)


def _legend(lines: Sequence[PaperLine]) -> Iterator[str]:
    sources = {line.source for line in lines}
    if "emulated" in sources:
        yield f"{EMULATED} emulated: computed on another machine, and held to the device's limit."
    if "predicted" in sources:
        yield f"{PREDICTED} predicted: of a cost model or from shapes alone; nothing was measured."
    if any(False in (line.fits, line.published_fits) for line in lines):
        yield f"{NOT_FITTING} needs more memory than the device has."
