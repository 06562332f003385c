"""What the page says: counts, tables, pictures, each trial's details, and what was left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.report.page.details import Details, details_of
from harness.report.page.inline_picture import InlinePicture, inline_pictures
from harness.report.page.one_trial import trial_table
from harness.report.page.shown_table import ShownTable, shown_table
from harness.report.remarks import STATUS_WORDS
from harness.report.suites import PublishedSuite
from harness.report.table import Table
from harness.results.folder import Collection
from harness.results.record import Record

__all__ = ["Content", "content_of"]

FILTERS = {"method": "Method", "dataset": "Data", "device": "Device", "status": "Status"}


@dataclass(frozen=True)
class Content:
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
    collection: Collection, tables: Sequence[Table], published: Sequence[PublishedSuite]
) -> Content:
    """Gather what the page shows."""
    records = [trial.record for trial in collection.trials]
    shown = [shown_table(table) for table in tables]
    trials = shown_table(trial_table(records), opens=True) if records else None
    pictures = list(inline_pictures(collection, published))
    return Content(
        facts=list(_facts(collection, records)),
        filters=_filters([*shown, *([trials] if trials else [])]),
        tables=shown,
        trials=trials,
        pictures=[each for each in pictures if isinstance(each, InlinePicture)],
        undrawn=[each for each in pictures if isinstance(each, str)],
        details=details_of(collection.trials),
        problems=[str(problem) for problem in collection.problems],
    )


def _facts(collection: Collection, records: Sequence[Record]) -> Iterator[tuple[str, str]]:
    kinds = (
        ("trials", len(records)),
        ("estimated rows", sum(len(each.rows) for each in collection.estimates)),
        ("methods", len({record.label for record in records})),
        ("data sets", len({record.dataset.label for record in records})),
        ("devices", len({record.device.name for record in records})),
        ("trials planned, without a record", collection.pending),
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
            for key in FILTERS.keys() & set(keys):
                found.setdefault(key, {})[row.filters[key]] = None
    return {
        key: (heading, list(found[key]))
        for key, heading in FILTERS.items()
        if len(found.get(key, ())) > 1
    }
