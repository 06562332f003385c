"""Makes every picture that results of trials and estimates have something to show for."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from harness.comparison.paper import compare_with
from harness.comparison.published import PublishedSuite
from harness.errors import UsageError
from harness.reports.lines import lines_of_estimate, lines_of_rows
from harness.reports.pictures.cells import draw_cells
from harness.reports.pictures.curves import draw_curves, draw_fronts, draw_steps, lowest_seeds
from harness.reports.pictures.notes import (
    Beside,
    beside_of,
    budget_notes,
    label_of,
    setting_of,
    statements_of,
)
from harness.reports.pictures.paper import draw_paper
from harness.reports.pictures.scatter import draw_accuracy_memory, draw_time_memory
from harness.reports.pictures.variants import bars_of, draw_breakdown, draw_sweep, families
from harness.results.record import Record
from harness.results.results import Results
from harness.results.rows import rows_of_estimate
from harness.space.genotype import Genotype

__all__ = ["Picture", "charts_of", "pictures_of"]

MOST_SETTINGS = 4  # of which cells are drawn


@dataclass(frozen=True)
class Picture:
    """A figure with its file name, or a sentence on why there is nothing to draw."""

    name: str
    drawn: Figure | str


def pictures_of(results: Results, published: Sequence[PublishedSuite] = ()) -> Iterator[Picture]:
    """Draw each picture in turn: the charts, then the cells that were found."""
    yield from charts_of(results, published)
    records = results.counted_records
    yield from _of_cells(records, budget_notes(records))


def charts_of(results: Results, published: Sequence[PublishedSuite] = ()) -> Iterator[Picture]:
    """Draw each picture of numbers in turn.

    Args:
        results: what was run and estimated.
        published: whose memory is drawn beside that of the same rows.
    """
    records = results.counted_records
    notes, in_titles = budget_notes(records), budget_notes(records, in_titles=True)
    rows = results.trial_rows
    every = [row for found in results.estimates for row in found.rows]
    estimated = [each for row in every for each in rows_of_estimate(row)]
    yield Picture("accuracy-memory", draw_accuracy_memory(rows, in_titles))
    yield Picture("time-memory", draw_time_memory([*rows, *estimated], in_titles))
    beside = beside_of(published, results.stand_ins)
    yield from _of_variants(results, published, beside, notes)
    losses = [*notes, *statements_of(published, of_losses=True)]
    yield Picture("pretraining", draw_curves(records, losses, beside))
    yield Picture("steps-memory", draw_steps(results.counted, notes))
    if any(record.front for record in records):
        yield Picture("fronts", draw_fronts(records, notes))
    for suite in published:
        if suite.has_numbers:
            found = compare_with(suite, results.rows, results.stand_ins)
            for place, compared in enumerate(found, start=1):
                number = f"-{place}" if place > 1 else ""
                yield Picture(f"paper-{suite.name}{number}", draw_paper(compared))


def _of_variants(
    results: Results,
    published: Sequence[PublishedSuite],
    beside: Beside,
    notes: Sequence[str],
) -> Iterator[Picture]:
    """Draw the methods with several variants: over the one number that differs, or as bars."""
    records = results.counted_records
    swept = {family.method: family for family in families(records) if family.parameter}
    for place, family in enumerate(swept.values(), start=1):
        yield Picture(f"sweep-{place}", draw_sweep(family, notes))
    lines = lines_of_rows(results.trial_rows, results.stand_ins)
    for estimate in results.estimates:
        lines += lines_of_estimate(estimate.rows, results.stand_ins)
    methods = bars_of(lines, beside)
    barred = [(name, bars) for name, bars in methods.items() if name not in swept]
    for place, (name, bars) in enumerate(barred, start=1):
        title = f"{label_of(name)}: peak memory of its variants"
        told = [suite for suite in published if _knows(suite, name)]
        said = [*notes, *statements_of(told)]
        yield Picture(f"variants-{place}", draw_breakdown(title, bars, said))


def _knows(suite: PublishedSuite, method: str) -> bool:
    return method in {place.method.partition("[")[0] for place, _ in suite.rows}


def _of_cells(records: Iterable[Record], notes: Sequence[str]) -> Iterator[Picture]:
    """Draw for each setting what each method found first, in the trial of the lowest seed."""
    settings: dict[str, list[Record]] = {}
    for record in records:
        found = settings.setdefault(setting_of(record), [])
        if record.architecture and record.dataset.kind != "tabular":  # which has cells of its own
            found.append(record)
    for place, (setting, found) in enumerate(list(settings.items())[:MOST_SETTINGS], start=1):
        cells, said = _genotypes({each.label: each for each in lowest_seeds(found)})
        title = f"Cells found on {setting}"
        yield Picture(f"cells-{place}", draw_cells(title, cells, [*notes, *said]))


def _genotypes(found: Mapping[str, Record]) -> tuple[dict[str, Genotype], list[str]]:
    """Return the architectures that can be drawn, and words about those that cannot.

    For a single method, the cells that its search started from are drawn too.
    """
    cells: dict[str, Genotype] = {}
    said = ["Of each method the trial of its lowest seed, first task."]
    for label, record in found.items():
        told = {label: record.architecture}
        if len(found) == 1 and record.initial_architecture is not None:
            told = {"before": record.initial_architecture, f"after, {label}": record.architecture}
        try:
            cells |= {name: Genotype.from_json(json.dumps(each)) for name, each in told.items()}
        except UsageError as error:
            said.append(f"{label_of(label)}: {error}.")
    return cells, said
