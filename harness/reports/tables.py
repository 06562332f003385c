"""All tables of results: published tables with ours beside them, then all trials and estimates."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from harness.comparison.findings import findings_of
from harness.comparison.published import PublishedSuite, RowPlace, place_of
from harness.experiment.budget import budget_label, scaled_keys, scaled_sentence
from harness.reports.cells import estimate_legend, failed_sentence
from harness.reports.estimate_tables import estimate_table
from harness.reports.lines import lines_of_estimate, lines_of_rows
from harness.reports.published_table import Frame, published_table
from harness.reports.table import Table
from harness.reports.trial_tables import front_table, trials_table
from harness.results.costs import EstimateRow
from harness.results.reading import one_line
from harness.results.record import Record
from harness.results.results import FoundTrial, Results
from harness.results.rows import Row
from harness.results.summary import Missing, rows_of_records

__all__ = ["tables_of"]

SCALED = "The budget is scaled."


def tables_of(
    results: Results,
    suites: Sequence[PublishedSuite],
    missing: Missing = "omit",
    controls: Collection[str] = (),
) -> list[Table]:
    """Return the tables of results.

    The findings come first, in sentences. For each suite there is a table for each budget that its
    rows were run with, and one for each estimate of it. Then come the table of all trials, and
    those of the estimates.

    Args:
        results: what was found.
        suites: whose published numbers to set beside ours.
        missing: what the accuracy of a failed trial counts as.
        controls: names of methods that the others' accuracies are compared with.
    """
    numbered = [suite for suite in suites if suite.has_numbers]
    told = [text for suite in suites if not suite.has_numbers for text in suite.statements]
    tables = [_said(findings_of(results, numbered))]
    tables += [table for suite in numbered for table in _published(results, suite, missing)]
    if results.trials or not results.estimates:
        tables.append(
            trials_table(
                _every_row(results, missing),
                missing=missing,
                stand_ins=results.stand_ins,
                caption=[*told, *_passed_over(results), *_pending(results)],
                controls=controls,
            )
        )
    if any(record.front for record in results.records):
        tables.append(front_table(results.trial_rows))
    tables += [estimate_table(found.rows) for found in results.estimates]
    return [each for each in _with_own_keys(tables) if each.columns or each.caption]


def _every_row(results: Results, missing: Missing) -> Sequence[Row]:
    """Return the rows of all trials; the results' own rows are reused if they are the same."""
    if missing == "omit":
        return results.trial_rows
    return rows_of_records(results.records, missing, results.metrics)


def _said(sentences: Sequence[str]) -> Table:
    """Return a table of no columns: what stands first, in a few sentences."""
    return Table("findings", "Findings", tuple(sentences), (), ())


def _passed_over(results: Results) -> list[str]:
    return [
        one_line(f"Not run: method {method}: {reason}", limit=1000)
        for method, reason in results.passed_over.items()
    ]


def _pending(results: Results) -> list[str]:
    if not results.pending:
        return []
    return [f"Planned trials that have no record yet: {results.pending}."]


def _published(results: Results, suite: PublishedSuite, missing: Missing) -> Iterator[Table]:
    stand_ins = results.stand_ins
    for budget, records in _by_budget(results, suite).items():
        scaled = [_scaled(record, suite, stand_ins) for record in records]
        sentences = [scaled_sentence(scaled)] if any(scaled) else []
        rows = rows_of_records(records, missing, results.metrics)
        counted = [record for row in rows for record in row.records]
        yield published_table(
            suite,
            lines_of_rows(rows, stand_ins),
            Frame(
                key=suite.name,
                title=f"{suite.title} ({budget})",
                caption=(*sentences, failed_sentence(counted, missing)),
                reasons=(SCALED,) if any(scaled) else (),
            ),
        )
    for found in results.estimates:
        if found.suite is None or Path(found.suite).stem == suite.name:
            yield from _estimated(suite, found.rows, stand_ins)


def _by_budget(results: Results, suite: PublishedSuite) -> dict[str, list[Record]]:
    """Group the trials that belong to a suite by their budget."""
    places = {place for place, _ in suite.rows}
    sorted_out: dict[str, list[Record]] = {}
    for found in results.trials:
        if _belongs(found, suite, places, results.stand_ins):
            record = found.record
            scaled = _scaled(record, suite, results.stand_ins)
            label = budget_label(record.budget.allowed, record.dataset.kind)
            words = f"budget {label}" if scaled else "budget as published"
            sorted_out.setdefault(words, []).append(record)
    return sorted_out


def _belongs(
    found: FoundTrial, suite: PublishedSuite, places: set[RowPlace], stand_ins: Mapping[str, str]
) -> bool:
    """Tell whether a trial has a published row, or was run for the suite."""
    names = {Path(name).stem for name in found.suites}
    return place_of(found.record, stand_ins) in places or suite.name in names


def _scaled(
    record: Record, suite: PublishedSuite, stand_ins: Mapping[str, str]
) -> dict[str, tuple[float, float]]:
    """Return the keys in which a trial's budget differs from its data set's published one."""
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
    """Return how an estimate's width and steps differ from the published ones."""
    budgets = suite.budgets
    published = budgets.get(stand_ins.get(row.dataset, row.dataset)) or next(iter(budgets.values()))
    kind = "full-task" if row.setting == "full task" else "few-shot"
    steps = "epochs" if kind == "full-task" else "search_steps"
    ours = published.model_copy(update={"channels": row.channels, steps: row.search_steps})
    return scaled_keys(ours, published, kind)


def _with_own_keys(tables: Iterable[Table]) -> Iterator[Table]:
    """Add numbers to keys that several tables have."""
    seen: dict[str, int] = {}
    for table in tables:
        seen[table.key] = number = seen.get(table.key, 0) + 1
        yield table if number == 1 else replace(table, key=f"{table.key}-{number}")
