"""What the page says: counts, tables, pictures, each trial's details, and what was left out.

Tables are as the page shows them: text for eyes and for screen readers, keys to sort and filter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import isinf

from harness.reports.cells import STATUS_WORDS
from harness.reports.page.details import Details, details_of
from harness.reports.page.rendering import InlinePicture, inline_pictures
from harness.reports.table import SYMBOLS, Column, Mark, Note, Table, TableCell, shown
from harness.reports.trial_tables import each_trial_table
from harness.results.published import PublishedSuite
from harness.results.record import Record
from harness.results.results import Results
from harness.results.summary import rows_of_records

__all__ = ["PageContent", "content_of"]

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
        text: as it is read, with the mark that stands before it.
        mark: the mark that stands behind it.
        spoken: the mark in words.
        note: a remark on the cell.
        sort: what to sort by, in full precision; empty where it comes last.
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
    """A table; `opens` says whether each row opens the details of the trial with its number."""

    key: str
    title: str
    caption: Sequence[str]
    columns: Sequence[Column]
    rows: Sequence[ShownRow]
    notes: Sequence[Note]
    opens: bool


@dataclass(frozen=True)
class PageContent:
    """What the template shows.

    Attributes:
        facts: numbers and what they count.
        filters: for each column that can be filtered by, its heading and values.
        trials: one row a trial, each of which opens its details; None where none was run.
        undrawn: in words, which pictures there is nothing to draw for.
        problems: files that were left out, and why.
    """

    facts: Sequence[tuple[str, str]]
    filters: Mapping[str, tuple[str, Sequence[str]]]
    tables: Sequence[ShownTable]
    trials: ShownTable | None
    pictures: Sequence[InlinePicture]
    undrawn: Sequence[str]
    details: Details
    problems: Sequence[str]


def content_of(
    results: Results, tables: Sequence[Table], published: Sequence[PublishedSuite]
) -> PageContent:
    """Gather what the page shows."""
    records = results.records
    shown = [_shown_table(table) for table in tables]
    rows = rows_of_records(records, metrics=results.metrics)
    trials = _shown_table(each_trial_table(rows, records), opens=True) if records else None
    pictures = list(inline_pictures(results, published))
    return PageContent(
        facts=list(_facts(results, records)),
        filters=_filters([*shown, *([trials] if trials else [])]),
        tables=shown,
        trials=trials,
        pictures=[each for each in pictures if isinstance(each, InlinePicture)],
        undrawn=[each for each in pictures if isinstance(each, str)],
        details=details_of(results.trials),
        problems=[str(problem) for problem in results.problems],
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
    """Return for each filter its heading and values, where there are several."""
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


def _shown_table(table: Table, *, opens: bool = False) -> ShownTable:
    """Return a table with every cell as it is read."""
    return ShownTable(
        key=table.key,
        title=table.title,
        caption=table.caption,
        columns=table.columns,
        rows=[_row(row, table.columns) for row in table.rows],
        notes=table.notes,
        opens=opens,
    )


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
