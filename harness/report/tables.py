"""All tables of a collection: the published ones first, then what was found as it is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.report.budgets import budget_label, scaled_keys
from harness.report.captions import estimate_legend, failed_sentence, scaled_sentence
from harness.report.estimates_table import estimates_table
from harness.report.lines import lines_of_estimate, lines_of_runs
from harness.report.published_table import Frame, published_table
from harness.report.suites import Place, PublishedSuite, place_of, setting_of
from harness.report.table import Table
from harness.report.trials_table import trials_table
from harness.results.estimates import EstimateRow
from harness.results.folder import Collection, FoundTrial
from harness.results.reading import one_line
from harness.results.record import Record
from harness.results.summary import Missing

__all__ = ["tables_of"]

SCALED = "The budget is scaled."


def tables_of(
    collection: Collection, suites: Sequence[PublishedSuite], missing: Missing = "omit"
) -> list[Table]:
    """Return the tables of a collection.

    For each suite there is a table for each budget that its rows were run with, and one for each
    estimate of it; then comes the table of all trials, and those of the estimates.

    Args:
        collection: what was found.
        suites: whose published numbers to set beside ours.
        missing: what the accuracy of a failed trial counts as.
    """
    numbered = [suite for suite in suites if suite.has_numbers]
    told = [text for suite in suites if not suite.has_numbers for text in suite.statements]
    tables = [table for suite in numbered for table in _published(collection, suite, missing)]
    if collection.trials or not collection.estimates:
        tables.append(
            trials_table(
                [found.record for found in collection.trials],
                missing=missing,
                stand_ins=collection.stand_ins,
                caption=[*told, *_passed_over(collection), *_pending(collection)],
            )
        )
    tables += [estimates_table(found.rows) for found in collection.estimates]
    return list(_with_own_keys(tables))


def _passed_over(collection: Collection) -> list[str]:
    return [
        one_line(f"Not run: method {method}: {reason}", limit=1000)
        for method, reason in collection.passed_over.items()
    ]


def _pending(collection: Collection) -> list[str]:
    if not collection.pending:
        return []
    return [f"Planned trials that have no record yet: {collection.pending}."]


def _published(collection: Collection, suite: PublishedSuite, missing: Missing) -> Iterator[Table]:
    stand_ins = collection.stand_ins
    for budget, records in _by_budget(collection, suite).items():
        scaled = [_scaled(record, suite, stand_ins) for record in records]
        sentences = [scaled_sentence(scaled)] if any(scaled) else []
        yield published_table(
            suite,
            lines_of_runs(records, missing, stand_ins),
            Frame(
                key=suite.name,
                title=f"{suite.title} ({budget})",
                caption=(*sentences, failed_sentence(records, missing)),
                reasons=(SCALED,) if any(scaled) else (),
            ),
        )
    for found in collection.estimates:
        if found.suite is None or Path(found.suite).stem == suite.name:
            yield from _estimated(suite, found.rows, stand_ins)


def _by_budget(collection: Collection, suite: PublishedSuite) -> dict[str, list[Record]]:
    """Sort the trials that belong beside a suite by what they were allowed."""
    places = {place for place, _ in suite.rows}
    sorted_out: dict[str, list[Record]] = {}
    for found in collection.trials:
        if _belongs(found, suite, places, collection.stand_ins):
            record = found.record
            scaled = _scaled(record, suite, collection.stand_ins)
            label = budget_label(record.budget.allowed, record.dataset.kind)
            words = f"budget {label}" if scaled else "budget as published"
            sorted_out.setdefault(words, []).append(record)
    return sorted_out


def _belongs(
    found: FoundTrial, suite: PublishedSuite, places: set[Place], stand_ins: Mapping[str, str]
) -> bool:
    """Say whether a trial has a published row, or was run for the suite without having one."""
    names = {Path(name).stem for name in found.suites}
    return place_of(found.record, stand_ins) in places or suite.name in names


def _scaled(
    record: Record, suite: PublishedSuite, stand_ins: Mapping[str, str]
) -> dict[str, tuple[float, float]]:
    """Return in what a trial's budget differs from the published one of its data set."""
    published = suite.budgets.get(place_of(record, stand_ins).dataset)
    published = published or next(iter(suite.budgets.values()))
    return scaled_keys(record.budget.allowed, published, record.dataset.kind)


def _estimated(
    suite: PublishedSuite, rows: Sequence[EstimateRow], stand_ins: Mapping[str, str]
) -> Iterator[Table]:
    """Return the table of an estimate, if it has any row of the suite."""
    lines = lines_of_estimate(rows, stand_ins)
    if not {line.place for line in lines} & {place for place, _ in suite.rows}:
        return
    scaled = [_scaled_estimate(row, suite, stand_ins) for row in rows]
    sentences = [scaled_sentence(scaled)] if any(scaled) else []
    yield published_table(
        suite,
        lines,
        Frame(
            key=f"{suite.name}-estimate",
            title=f"{suite.title} (estimated)",
            caption=(estimate_legend(), *sentences),
            reasons=(SCALED,) if any(scaled) else (),
        ),
    )


def _scaled_estimate(
    row: EstimateRow, suite: PublishedSuite, stand_ins: Mapping[str, str]
) -> dict[str, tuple[float, float]]:
    """Return in what an estimate's width and steps differ from the published ones."""
    budgets = suite.budgets
    published = budgets.get(stand_ins.get(row.dataset, row.dataset)) or next(iter(budgets.values()))
    kind = "full-task" if row.setting == setting_of(None, None) else "few-shot"
    steps = "epochs" if kind == "full-task" else "search_steps"
    ours = published.model_copy(update={"channels": row.channels, steps: row.search_steps})
    return scaled_keys(ours, published, kind)


def _with_own_keys(tables: Iterable[Table]) -> Iterator[Table]:
    """Number tables that have the same key."""
    seen: dict[str, int] = {}
    for table in tables:
        seen[table.key] = number = seen.get(table.key, 0) + 1
        yield table if number == 1 else replace(table, key=f"{table.key}-{number}")
