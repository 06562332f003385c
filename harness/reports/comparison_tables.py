"""Tables of comparisons: two sides beside each other, or ours beside published numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from harness.comparison.comparing import Comparison, Verdict
from harness.comparison.findings import against_controls
from harness.comparison.paper import PaperComparison, PaperLine
from harness.comparison.result import ComparedRow, ResultsComparison
from harness.metrics import MetricSpec, Source
from harness.reports.cells import column_of, mark_of
from harness.reports.table import MISSING, SYMBOLS, Column, Table, TableCell, shown_number
from harness.results.rows import Row

__all__ = ["comparison_tables", "control_cells", "paper_tables"]

PHRASES: dict[Verdict, str] = {
    "better": "better than",
    "no difference shown": "no difference shown to",
    "worse": "worse than",
    "not enough to tell": "not enough to tell from",
    "not compared": "not compared with",
}

# Marks a row whose sides differ in what `--allow` names; none of the marks of numbers.
DIFFERS = "‡"

METHOD, DATA = Column("method", "method"), Column("dataset", "data")
DIFFERENCE = Column("difference", "B − A", kind="difference", figures=2)
RELATIVE = Column("relative_percent", "%", kind="difference", figures=2)
BASES = {
    "paired": "paired",
    "unpaired": "Welch",
    "band": "bands",
    "exact": "exact",
    "fits": "",
    "none": "",
}


def comparison_tables(result: ResultsComparison) -> list[Table]:
    """Return a table for each metric; the last one's caption is about all of them."""
    metrics = {c.metric.name: c.metric for row in result.rows for c in row.comparisons}
    tables = [_metric_table(metric, result) for metric in metrics.values()]
    return [*tables, _said([*_legend(result), *_remarks(result)])]


def control_cells(rows: Sequence[Row], controls: Collection[str]) -> list[TableCell]:
    """Return a cell for each row on whether it beats the controls; none if there are no controls.

    The verdicts are those of `harness compare`, under the same conditions.
    """
    found = against_controls(rows, controls)
    return [TableCell(_against(found.get(id(row), {}))) for row in rows] if found else []


def _against(compared: Mapping[str, Comparison]) -> str:
    """Write `better than random; no difference shown to weights-only`."""
    told = {
        phrase: [name for name, each in compared.items() if each.verdict == verdict]
        for verdict, phrase in PHRASES.items()
    }
    return "; ".join(f"{phrase} {', '.join(names)}" for phrase, names in told.items() if names)


def _said(sentences: Iterable[str]) -> Table:
    """Return a table of no columns: sentences about those before it."""
    return Table("remarks", "", tuple(sentences), (), ())


def _metric_table(metric: MetricSpec, result: ResultsComparison) -> Table:
    better = {True: " (more is better)", False: " (less is better)", None: ""}
    return Table(
        key=metric.key,
        title=f"{metric.title}, {metric.unit}{better[metric.more_is_better]}",
        caption=(),
        columns=(
            METHOD,
            DATA,
            Column("device", "device"),
            replace(column_of(metric, has_spread=False), key="a", name="A", unit=""),
            replace(column_of(metric, has_spread=False), key="b", name="B", unit=""),
            DIFFERENCE,
            RELATIVE,
            Column("interval", "95 %", kind="words"),
            Column("over", "over"),
            Column("verdict", "B is"),
        ),
        rows=tuple(
            _cells(row, each)
            for row in result.rows
            for each in row.comparisons
            if each.metric.name == metric.name
        ),
    )


def _cells(row: ComparedRow, compared: Comparison) -> tuple[TableCell, ...]:
    b, relative = row.pair.b, compared.relative
    modes = " / ".join(dict.fromkeys((row.pair.a.mode, b.mode)))
    words = compared.verdict.upper() if compared.metric.short in row.failed else compared.verdict
    return (
        TableCell(b.method),
        TableCell(f"{b.dataset} {b.full_setting}"),
        TableCell(f"{b.device} ({modes})"),
        _marked(compared.a, compared.source_a, compared.fits_a),
        _marked(compared.b, compared.source_b, compared.fits_b),
        TableCell(compared.difference),
        TableCell(None if relative is None else 100 * relative),
        TableCell(_interval(compared)),
        TableCell(" ".join(filter(None, (BASES[compared.basis], compared.over)))),
        TableCell(words + (f" {DIFFERS}" if row.pair.differs else "")),
    )


def _marked(value: float | None, source: Source | None, fits: bool | None = None) -> TableCell:
    if fits is False and value is None:
        return TableCell(None, mark="unfit")
    return TableCell(value, mark="" if value is None else mark_of(source))


def _interval(compared: Comparison) -> str:
    if compared.low is None or compared.high is None or compared.basis == "exact":
        return MISSING
    low, high = (shown_number(end, DIFFERENCE) for end in (compared.low, compared.high))
    return f"{low} to {high}"


def _legend(result: ResultsComparison) -> Iterator[str]:
    every = [each for row in result.rows for each in row.comparisons]
    bases = {each.basis for each in every}
    yield from _marks(
        {source for each in every for source in (each.source_a, each.source_b)},
        any_unfit="fits" in bases,
    )
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


def _marks(sources: set[Source | None], *, any_unfit: bool, more: str = "") -> Iterator[str]:
    if "emulated" in sources:
        yield (
            f"{SYMBOLS['emulated']} emulated: computed on another machine, and held to the "
            "device's limit."
        )
    if "predicted" in sources:
        yield f"{SYMBOLS['predicted']} predicted: of a cost model or from shapes alone{more}."
    if "tabular" in sources:
        yield f"{SYMBOLS['tabular']} looked up in a table of what others have measured."
    if any_unfit:
        yield f"{SYMBOLS['unfit']} needs more memory than the device has."


def _remarks(result: ResultsComparison) -> Iterator[str]:
    places: dict[str, list[str]] = {}
    for row in result.rows:
        for remark in row.remarks:
            mark = f"{DIFFERS} " if remark in row.pair.differs.values() else ""
            places.setdefault(mark + remark, []).append(_place(row))
    for remark, named in places.items():
        where = "in all rows" if len(named) == len(result.rows) > 1 else "; ".join(named)
        yield f"{remark} ({where})."
    for name, rows in (("A", result.only_a), ("B", result.only_b)):
        for each in rows:
            yield f"Only in {name}: {each}."
    for row in result.rows:
        if row.failed:
            yield f"Worse than is tolerated: {_place(row)}: {', '.join(row.failed)}."


def _place(row: ComparedRow) -> str:
    b = row.pair.b
    return f"{b.method} on {b.dataset} {b.full_setting}, {b.device}"


def paper_tables(compared: PaperComparison) -> list[Table]:
    """Return a table for each metric that has numbers, and a last one that sums up in words."""
    tables = []
    for short, device in compared.sections:
        lines = compared.lines_of(short, device)
        if any(line.ours is not None or line.fits is not None for line in lines):
            tables.append(_section(device, lines))
    legend = _marks(
        {line.source for line in compared.lines},
        any_unfit=any(False in (line.fits, line.published_fits) for line in compared.lines),
        more="; nothing was measured",
    )
    told = (f"Not published: {row}." for row in compared.others)
    source = f"Published: {compared.suite.published.source}."
    return [
        *tables,
        _said([*_summaries(compared), *legend, source, *compared.remarks, *told]),
    ]


def _section(device: str | None, lines: Sequence[PaperLine]) -> Table:
    metric = lines[0].metric
    number = replace(column_of(metric, has_spread=False), name="ours", unit="")
    is_ranged = any(_range(line, number) for line in lines)
    return Table(
        key=metric.key,
        title=f"{metric.title}, {metric.unit}" + (f", on {device}" if device else ""),
        caption=(),
        columns=(
            METHOD,
            DATA,
            number,
            *([Column("range", "range", kind="words")] if is_ranged else []),
            Column("published", "paper", "", "number", None),
            Column("relative_percent", "difference", "%", "difference", figures=2),
        ),
        rows=tuple(
            (
                TableCell(line.place.method),
                TableCell(f"{line.stand_in or line.place.dataset} {line.place.setting}"),
                _marked(line.ours, line.source, line.fits),
                *([TableCell(_range(line, number))] if is_ranged else []),
                _marked(line.published, None, line.published_fits),
                TableCell(None if line.relative is None else 100 * line.relative),
            )
            for line in lines
        ),
    )


def _range(line: PaperLine, column: Column) -> str:
    if line.low is None or line.high is None or line.low == line.high:
        return ""
    mark = SYMBOLS["predicted"]
    return " to ".join(f"{mark}{shown_number(end, column)}" for end in (line.low, line.high))


def _summaries(compared: PaperComparison) -> Iterator[str]:
    for short, device in compared.sections:
        summary = compared.summary(short, device)
        metric = compared.lines_of(short, device)[0].metric
        name = metric.title + (f" on {device}" if device else "")
        mean, largest = summary["mean_absolute_relative"], summary["largest_absolute_relative"]
        line = f"{name}: {summary['compared']} of {summary['published']} published numbers compared"
        if mean is not None:
            line += f", mean absolute difference {100 * mean:.1f} %, largest {100 * largest:.1f} %"
        if summary["fits_known"]:
            agree, known = summary["fits_agree"], summary["fits_known"]
            line += f"; {agree} of {known} agree on what the device holds ({SYMBOLS['unfit']})"
        yield f"{line}."
