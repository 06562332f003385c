"""Prints a comparison of two sides: a table for each metric, then its marks and remarks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Console
from rich.text import Text

from harness.cli.plain_table import EMULATED, MISSING, NOT_FITTING, PREDICTED, plain_table
from harness.compare.comparing import Comparison
from harness.compare.metrics import METRICS, ComparedMetric
from harness.compare.result import ComparedRow, Result
from harness.compare.sides import Mode
from harness.results.reading import one_line

__all__ = ["marked", "print_comparison", "signed"]

SMALL = 0.1  # below it, two decimals are too few to tell sizes apart
NOTHING = 5e-5

Line = tuple[ComparedRow, Comparison]

BASES = {
    "paired": "paired",
    "unpaired": "Welch",
    "band": "bands",
    "exact": "exact",
    "fits": "",
    "none": "",
}


def print_comparison(result: Result, console: Console) -> None:
    """Print all of it."""
    for metric in METRICS.values():
        lines = [(r, c) for r in result.rows for c in r.comparisons if c.metric is metric]
        if lines:
            _print_metric(metric, lines, console)
    for text in (*_legend(result), *_remarks(result)):
        console.print(Text(one_line(text, limit=1000)), soft_wrap=not console.is_terminal)


def marked(value: float | None, source: Mode | None, fits: bool | None = None) -> str:
    """Return a number as `harness run` prints it: emulated and predicted ones bear their mark."""
    if fits is False:
        return NOT_FITTING
    if value is None:
        return MISSING
    before = PREDICTED if source == "predicted" else ""
    digits = ".2f" if abs(value) >= SMALL or not value else ".2g"
    return f"{before}{value:,{digits}}{EMULATED if source == 'emulated' else ''}"


def signed(value: float | None) -> str:
    """Return a difference with its sign; nothing has none."""
    if value is None:
        return MISSING
    if abs(value) < NOTHING:
        return "0.00"
    return f"{value:+,.2f}" if abs(value) >= SMALL else f"{value:+.2g}"


def _print_metric(metric: ComparedMetric, lines: Sequence[Line], console: Console) -> None:
    better = "more" if metric.more_is_better else "less"
    title = f"{metric.title}, {metric.unit} ({better} is better)"
    words, numbers = ("method", "data", "device"), ("A", "B", "B − A", "%", "95 %")
    cells = (_cells(*line) for line in lines)
    console.print(plain_table(words, numbers, ("over", "B is"), rows=cells, title=title))


def _cells(row: ComparedRow, compared: Comparison) -> tuple[str, ...]:
    side = row.pair.b
    relative = compared.relative
    return (
        one_line(side.method),
        one_line(f"{side.dataset} {side.setting}"),
        one_line(f"{side.device} ({_modes(row)})"),
        marked(compared.a, compared.source_a, compared.fits_a),
        marked(compared.b, compared.source_b, compared.fits_b),
        signed(compared.difference),
        signed(None if relative is None else 100 * relative),
        _interval(compared),
        " ".join(filter(None, (BASES[compared.basis], compared.over))),
        _verdict(row, compared),
    )


def _modes(row: ComparedRow) -> str:
    modes = dict.fromkeys((row.pair.a.mode, row.pair.b.mode))
    return " / ".join(modes)


def _interval(compared: Comparison) -> str:
    if compared.low is None or compared.high is None or compared.basis == "exact":
        return MISSING
    return f"{signed(compared.low)} to {signed(compared.high)}"


def _verdict(row: ComparedRow, compared: Comparison) -> str:
    words = compared.verdict.upper() if compared.metric.name in row.failed else compared.verdict
    return words + (" †" if row.pair.differs else "")


def _legend(result: Result) -> Iterator[str]:
    every = [each for row in result.rows for each in row.comparisons]
    sources = {source for each in every for source in (each.source_a, each.source_b)}
    bases = {each.basis for each in every}
    if "emulated" in sources:
        yield f"{EMULATED} emulated: computed on another machine, and held to the device's limit."
    if "predicted" in sources:
        yield f"{PREDICTED} predicted: of a cost model or from shapes alone."
    if "fits" in bases:
        yield f"{NOT_FITTING} needs more memory than the device has."
    if bases & {"paired", "unpaired"}:
        yield (
            "95 %: interval of B − A. Paired: over the same tasks of the same seeds; over seeds, "
            "where these differ by more than their tasks explain. Welch: the episodes differ."
        )
    if "band" in bases:
        yield (
            "bands: both are predictions, or ranges that a method's choices lead to; a difference "
            "is shown where these do not overlap."
        )
    if "exact" in bases:
        yield "exact: counted, or predicted, the same for every task and seed."
    if any(each.verdict == "not enough to tell" for each in every):
        yield "not enough to tell: fewer than ten tasks, or than three seeds, or no interval."


def _remarks(result: Result) -> Iterator[str]:
    places: dict[str, list[str]] = {}
    for row in result.rows:
        for remark in row.remarks:
            mark = "† " if remark in row.pair.differs.values() else ""
            places.setdefault(mark + remark, []).append(_place(row))
    for remark, named in places.items():
        where = "in all rows" if len(named) == len(result.rows) > 1 else "; ".join(named)
        yield f"{remark} ({where})."
    for name, sides in (("A", result.only_a), ("B", result.only_b)):
        for side in sides:
            yield f"Only in {name}: {side}."
    for row in result.rows:
        if row.failed:
            yield f"Worse than is tolerated: {_place(row)}: {', '.join(row.failed)}."


def _place(row: ComparedRow) -> str:
    side = row.pair.b
    return f"{side.method} on {side.dataset} {side.setting}, {side.device}"
