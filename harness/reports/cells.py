"""Makes cells and columns from rows, with the mark of each value's source, and captions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from harness.experiment.budget import SETTINGS, budget_label
from harness.experiment.outcome import Status
from harness.metrics import MetricSpec
from harness.reports.table import MISSING, SYMBOLS, Column, Mark, TableCell
from harness.results.reading import one_line
from harness.results.record import Record
from harness.results.rows import Row, Value
from harness.results.summary import FAILED, Missing

__all__ = [
    "INTERVAL",
    "STATUS_WORDS",
    "cell_of",
    "chance_sentence",
    "column_of",
    "endings",
    "estimate_legend",
    "failed_sentence",
    "failures",
    "interval_cell",
    "legend",
    "mark_of",
    "metric_cell",
    "side_by_side",
    "width_sentences",
]

FIGURES = 2  # that a small number keeps

STATUS_WORDS: dict[Status, str] = {
    "ok": "ok",
    "out_of_memory": "does not fit",
    "over_budget": "over budget",
    "error": "error",
    "interrupted": "interrupted",
}
WORDS = {
    "emulated": "emulated: computed on another machine, memory counted and held to the device's "
    "limit.",
    "predicted": "predicted by the device's cost model, or from shapes alone; not measured.",
    "tabular": "looked up in a table of what others have measured; nothing was trained here.",
    "unfit": "needs more memory than the device has.",
}
COUNTS_AS = {
    "omit": "are left out of the means",
    "chance": "count in accuracy as guessing among the classes (100 % / classes), and are left out "
    "of memory and time",
    "zero": "count in accuracy as 0 %, and are left out of memory and time",
}
INTERVAL = Column("interval_points", "95 %", "± points", "number", figures=FIGURES, has_marks=True)


def column_of(metric: MetricSpec, *, has_spread: bool | None = None) -> Column:
    """Return the column of a metric; whether it has deviations over seeds, the metric says."""
    return Column(
        metric.key,
        metric.heading,
        metric.unit,
        "number",
        metric.digits,
        figures=FIGURES,
        has_spread=metric.shows_spread if has_spread is None else has_spread,
        has_marks=True,
    )


def cell_of(row: Row, metric: MetricSpec) -> TableCell:
    """Return the cell of a row's metric, which may say that the device did not hold it.

    An estimate has its memory even if the device has less.
    """
    value = row.held(metric.name)
    if value is None and metric.needs_fit and row.fits is False:
        has = "" if row.limit_mib is None else f" ({row.limit_mib:,.0f} MiB)"
        return TableCell(None, mark="unfit", note=f"needs more memory than the device has{has}")
    if value is None:
        return TableCell(None)
    spread = value.std if metric.shows_spread else None
    return TableCell(value.value, spread, mark_of(value.source), _band(value))


def interval_cell(row: Row) -> TableCell:
    """Return the half-width of the 95 % interval of the accuracy, and what it is over."""
    value = row.values.get("accuracy")
    if value is None or value.interval is None:
        return TableCell(None)
    return TableCell(value.interval, mark=mark_of(value.source), note=f"over {value.interval_over}")


def metric_cell(record: Record, metric: MetricSpec) -> TableCell:
    """Return a metric of a single trial."""
    if metric.is_counted and metric.needs_fit and record.status == "out_of_memory":
        return TableCell(None, mark="unfit")
    found = record.metrics.get(metric.name)
    if found is None or found.value is None:
        return TableCell(None)
    return TableCell(found.value, mark=mark_of(found.source))


def mark_of(source: str | None) -> Mark:
    """Return the mark of a number: none if it was measured here, counted, or published."""
    marks: dict[str | None, Mark] = {each: each for each in ("emulated", "predicted", "tabular")}
    return marks.get(source, "")


def _band(value: Value) -> str:
    """Return the band of a prediction, in words."""
    if value.low is None or value.high is None or value.low == value.high:
        return ""
    ends = f"between {value.low:,.1f} and {value.high:,.1f} {value.metric.unit}"
    if value.metric.is_counted:
        return f"{ends}, as the method chooses"
    return f"in nine of ten cases {ends}"


def legend(rows: Iterable[Sequence[TableCell]], machine: str = "another machine") -> list[str]:
    """Explain the marks that occur in the rows; `machine` is where emulated ones were computed."""
    cells = [cell for row in rows for cell in row]
    marks = {cell.mark for cell in cells}
    lines = [f"{SYMBOLS[mark]} {WORDS[mark]}" for mark in SYMBOLS if mark in marks]
    if any(cell.value is None and not cell.mark for cell in cells):
        lines.append(f"{MISSING} not known: not captured, not run, or not published.")
    return [line.replace("another machine", machine) for line in lines]


def chance_sentence(rows: Sequence[Row]) -> list[str]:
    """Say which accuracy guessing would reach in the settings that are shown."""
    told = {
        row.full_setting: row.chance
        for row in rows
        if row.chance is not None and row.value("accuracy") is not None
    }
    if not told:
        return []
    if len(set(told.values())) == 1:
        return [f"Guessing among the classes: {next(iter(told.values())):.3g} %."]
    each = ", ".join(f"{chance:.3g} % ({setting})" for setting, chance in told.items())
    return [f"Guessing among the classes: {each}."]


def width_sentences(rows: Sequence[Row]) -> list[str]:
    """Say how wide cells are under each budget of runs, and from what they were narrowed."""
    told: dict[str, None] = {}
    of_budgets = {(row.kind, tuple(row.budget.items())): row for row in rows}  # few, of many rows
    for row in of_budgets.values():
        budget = row.records[0].budget.allowed
        if row.kind != "tabular" and budget.channels is not None:
            usual = SETTINGS[row.kind].default_channels
            narrowed = f", narrowed from {usual}" if budget.channels < usual else ""
            name = budget_label(budget, row.kind)
            told[f"Budget {name}: C = {budget.channels} channels{narrowed}."] = None
    return list(told)


def estimate_legend() -> str:
    """Say what an estimate is."""
    return "Estimated from shapes alone: nothing was run, and accuracy is not known."


def failed_sentence(records: Sequence[Record], missing: Missing) -> str:
    """Say how many trials failed, and what they count as; the choice is named even if none did."""
    failed = [record for record in records if record.status in FAILED]
    sentence = f"Trials that failed or went over their budget {COUNTS_AS[missing]}: "
    if missing == "chance" and any(_is_uncounted(record) for record in failed):
        sentence = sentence[:-2] + " (full tasks whose records do not count classes are left out): "
    return f"{sentence}{len(failed)} of {len(records)} here."


def _is_uncounted(record: Record) -> bool:
    return record.dataset.ways is None and record.dataset.classes is None


def endings(group: Sequence[Record]) -> str:
    """Say how the trials of a row ended: `ok`, `does not fit`, or `1 of 3 error`."""
    bad = [record.status for record in group if record.status != "ok"]
    if not bad:
        return "ok"
    if len(set(bad)) == 1 and len(bad) == len(group):
        return STATUS_WORDS[bad[0]]
    kinds = dict.fromkeys(bad)
    return ", ".join(f"{bad.count(kind)} of {len(group)} {STATUS_WORDS[kind]}" for kind in kinds)


def failures(group: Sequence[Record]) -> list[str]:
    """Say what went wrong in the trials of a row: each fault once, with its seeds."""
    seeds: dict[str, list[int]] = {}
    for record in group:
        if record.status in FAILED and record.error is not None:
            error = record.error
            fault = one_line(f"{error.type} ({error.stage}): {error.message}")
            seeds.setdefault(fault, []).append(record.seed)
    return [
        f"Failed with seed {', '.join(map(str, sorted(told)))}: {fault}"
        for fault, told in seeds.items()
    ]


def side_by_side(group: Sequence[Record]) -> list[str]:
    """Remark on measured times of trials that shared the machine with other trials."""
    most = max(_at_once(record) for record in group)
    if most == 1:
        return []
    return [f"Measured while up to {most} trials shared the machine: alone, they take less time."]


def _at_once(record: Record) -> int:
    """Count the trials that ran at once on the machine of a measured one, itself included."""
    told = record.environment.get("trials_side_by_side")
    measured = record.device.mode == "measured" and record.status == "ok"
    return told if measured and isinstance(told, int) and told > 1 else 1
