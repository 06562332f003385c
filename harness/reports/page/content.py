"""The content of the page: counts, tables, pictures, each trial's details, and what was left out.

Tables are ready to be shown: with text for the screen and for screen readers, and keys for sorting
and filtering.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, isinf

from harness.comparison.published import PublishedSuite
from harness.reports.cells import STATUS_WORDS
from harness.reports.page.details import Details, details_of
from harness.reports.page.rendering import InlinePicture, charts_json, inline_pictures
from harness.reports.table import MISSING, SYMBOLS, Column, Mark, Note, Table, TableCell, shown
from harness.reports.trial_tables import each_trial_table
from harness.results.reading import one_line
from harness.results.record import Record
from harness.results.results import Results
from harness.results.rows import Row, metrics_of_rows

__all__ = ["PageContent", "content_of"]

MOST_IN_LEGEND = 40

HEADINGS = {"method": "Method", "dataset": "Data", "device": "Device", "status": "Status"}

# What rows can be filtered by, for each column that tells it.
FILTERS = {
    "method": "method",
    "dataset": "dataset",
    "device": "device",
    "status": "status",
    "ended": "status",  # of several seeds: `1 of 3 error`
}
SPOKEN: dict[Mark, str] = {
    "": "",
    "emulated": "emulated",
    "predicted": "predicted",
    "tabular": "looked up in a table",
    "unfit": "does not fit the device",
}


@dataclass(frozen=True)
class ShownCell:
    """One cell.

    Attributes:
        text: the visible text, including a mark in front of it.
        mark: the mark behind it.
        spoken: the mark in words, for screen readers.
        note: a remark on the cell.
        sort: the key to sort by, in full precision; empty if the cell comes last.
    """

    text: str
    mark: str
    is_number: bool
    spoken: str
    note: str
    sort: str

    @property
    def shown(self) -> str:
        """All its text, as a program finds it in the page: a key that differs is written beside."""
        return self.text + self.mark + (f" {self.spoken}" if self.spoken else "")


@dataclass(frozen=True)
class ShownRow:
    """One row, with its values of the columns that can be filtered by."""

    cells: Sequence[ShownCell]
    filters: Mapping[str, str]


@dataclass(frozen=True)
class ShownTable:
    """A table.

    Attributes:
        alike: columns with the same text in every row, and that text.
        columns: the other columns.
        opens: for each row, the heading of its trial's details; empty if rows open nothing.
    """

    key: str
    title: str
    caption: Sequence[str]
    columns: Sequence[Column]
    rows: Sequence[ShownRow]
    notes: Sequence[Note]
    alike: Sequence[tuple[str, str]]
    opens: Sequence[str]


@dataclass(frozen=True)
class PageContent:
    """What the template shows.

    Attributes:
        findings: the sentences that come first.
        about: what was run, when, on what and with which version, in words.
        commands: commands that run the same trials.
        facts: numbers and what they count.
        filters: for each column that can be filtered by, its heading and values.
        trials: one row for each trial, which opens its details; None if none was run.
        undrawn: which pictures have nothing to show, in words.
        problems: files that were left out, and why.
        charts: the data of the page's own charts, as JSON.
        methods: what the legend names.
        metrics: names and titles of what can be an axis.
        limit: the start and the end of the slider of the memory limit; None if no memory is known.
        has_paper: whether there are published numbers beside ours.
    """

    findings: Sequence[str]
    about: Sequence[str]
    commands: Sequence[str]
    facts: Sequence[tuple[str, str]]
    filters: Mapping[str, tuple[str, Sequence[str]]]
    tables: Sequence[ShownTable]
    trials: ShownTable | None
    pictures: Sequence[InlinePicture]
    undrawn: Sequence[str]
    details: Details
    problems: Sequence[str]
    charts: str
    methods: Sequence[str]
    metrics: Sequence[tuple[str, str]]
    limit: tuple[float, float] | None
    has_paper: bool

    @property
    def upward(self) -> str:
        """The metric that is on the vertical axis at first."""
        names = [name for name, _ in self.metrics]
        wanted = ("accuracy", "search_time", "storage")
        return next((name for name in wanted if name in names), names[0] if names else "")


def content_of(
    results: Results, tables: Sequence[Table], published: Sequence[PublishedSuite]
) -> PageContent:
    """Return the content of the page."""
    records = results.records
    shown = [_shown_table(table) for table in tables if table.columns]
    rows = results.trial_rows
    opens = [_heading(record) for record in records]
    trials = _shown_table(each_trial_table(rows, records), opens) if records else None
    every = results.rows
    charts = charts_json(results, published)
    pictures = list(inline_pictures(results, published))
    return PageContent(
        findings=[text for table in tables if not table.columns for text in table.caption],
        about=list(_about(results, records)),
        commands=results.commands,
        facts=list(_facts(results, records)),
        filters=_filters([*shown, *([trials] if trials else [])]),
        tables=shown,
        trials=trials,
        pictures=[each for each in pictures if isinstance(each, InlinePicture)],
        undrawn=[each for each in pictures if isinstance(each, str)],
        details=details_of(results.trials),
        problems=[str(problem) for problem in results.problems],
        charts=charts,
        methods=list(dict.fromkeys(row.method for row in every))[:MOST_IN_LEGEND],
        metrics=[(m.name, m.title) for m in metrics_of_rows(every, always=False)],
        limit=_limit(every),
        has_paper='"paper":[]' not in charts,
    )


def _limit(rows: Sequence[Row]) -> tuple[float, float] | None:
    """Return the smallest limit of a device, and where the scale of memory ends.

    The scale includes the limit, unless that is so large that nothing else could be seen.
    """
    memory = [value for row in rows if (value := row.value("peak_memory")) is not None]
    if not memory:
        return None
    limits = [row.limit_mib for row in rows if row.limit_mib is not None]
    near = [limit for limit in limits if limit < 3 * max(memory)]
    most = ceil(1.05 * max([*memory, *near]))
    return min([*limits, most]), most


def _about(results: Results, records: Sequence[Record]) -> Iterator[str]:
    """Say what was run, when, on what, and with which version."""
    if results.suites:
        yield f"Suites: {', '.join(one_line(each) for each in results.suites)}."
    times = sorted(record.started_at[:16].replace("T", " ") for record in records)
    if times and times[0]:
        ends = dict.fromkeys((times[0], times[-1]))
        yield f"Run from {' to '.join(ends)} UTC."
    for key, words in (("processor", "On"), ("harness", "With harness")):
        named = dict.fromkeys(str(value) for r in records if (value := r.environment.get(key)))
        if named:
            yield f"{words} {', '.join(map(one_line, named))}."


def _heading(record: Record) -> str:
    """Return the heading of a trial's details."""
    data, device = record.dataset, record.device
    return one_line(
        f"{record.label} on {data.label} {data.setting}, {device.name} ({device.mode}), seed "
        f"{record.seed}: {STATUS_WORDS[record.status]}"
    )


def _facts(results: Results, records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    kinds = (
        ("trials", len(records)),
        ("estimated rows", sum(len(each.rows) for each in results.estimates)),
        ("methods", len({record.label for record in records})),
        ("data sets", len({record.dataset.label for record in records})),
        ("devices", len({record.device.name for record in records})),
        ("trials planned, without a record", results.pending),
    )
    yield from ((f"{count:,}", words) for words, count in kinds if count)
    endings = Counter[str](record.status for record in records)
    if set(endings) - {"ok"}:
        yield from ((f"{endings[s]:,}", words) for s, words in STATUS_WORDS.items() if endings[s])


def _filters(tables: Sequence[ShownTable]) -> dict[str, tuple[str, Sequence[str]]]:
    """Return the heading and values of each filter that has several values."""
    found: dict[str, dict[str, None]] = {}
    for table in tables:
        keys = [column.key for column in table.columns]
        for row in table.rows:
            for key in HEADINGS.keys() & set(keys):
                found.setdefault(key, {})[row.filters[key]] = None
    return {
        key: (heading, list(found[key]))
        for key, heading in HEADINGS.items()
        if len(found.get(key, ())) > 1
    }


def _shown_table(table: Table, opens: Sequence[str] = ()) -> ShownTable:
    """Return a table with the text of every cell; text that all rows share is given once."""
    rows = [_row(row, table.columns) for row in table.rows]
    alike = [n for n in range(1, len(table.columns)) if _is_alike(table.columns[n], rows, n)]
    kept = [n for n in range(len(table.columns)) if n not in alike]
    told = [(table.columns[n].heading, rows[0].cells[n].shown) for n in alike]
    return ShownTable(
        key=table.key,
        title=table.title,
        caption=table.caption,
        columns=[table.columns[n] for n in kept],
        rows=[ShownRow([row.cells[n] for n in kept], row.filters) for row in rows],
        notes=table.notes,
        alike=[(name, text) for name, text in told if text not in ("", MISSING)],
        opens=opens,
    )


def _is_alike(column: Column, rows: Sequence[ShownRow], place: int) -> bool:
    """Tell whether a column says nothing, or the same in several rows."""
    cells = {(row.cells[place].text, row.cells[place].note) for row in rows}
    if len(cells) == 1 and next(iter(cells))[0] in ("", MISSING) and column.kind != "difference":
        return bool(rows)
    return len(rows) > 1 and len(cells) == 1


def _row(row: Sequence[TableCell], columns: Sequence[Column]) -> ShownRow:
    cells = [_cell(*pair) for pair in zip(row, columns, strict=True)]
    keys = [column.key for column in columns]
    texts = {key: cell.text for key, cell in zip(keys, cells, strict=True)}
    return ShownRow(cells, {FILTERS[key]: text for key, text in texts.items() if key in FILTERS})


def _cell(cell: TableCell, column: Column) -> ShownCell:
    key = cell.sort_key
    is_last = isinstance(key, float) and isinf(key)
    behind = SYMBOLS["emulated"] if cell.mark == "emulated" and cell.value is not None else ""
    return ShownCell(
        text=shown(cell, column).removesuffix(behind),
        mark=behind,
        is_number=column.is_flush_right,
        spoken=SPOKEN[cell.mark] if cell.value is not None or cell.mark == "unfit" else "",
        note=cell.note,
        sort="" if is_last else str(key),
    )
