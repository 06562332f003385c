"""Writes what the pages say of the reference runs, from the records in `results/reference`.

    python -m documentation.reference_results

It writes tables between marks in `README.md`, `docs/reference-results.md` and `docs/onnas.md`, and
draws the pictures. Beside the pictures is the digest of the records that they were drawn from, so
that a test notices if they no longer agree.

`results/reference/mechanisms` has On-NAS with its mechanisms switched off one by one; these rows
stand in a table of their own, beside On-NAS and MetaNAS after as much pretraining. What
`results/reference/coefficients` says of pretraining stands in the ledger of claims alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from documentation.blocks import with_block
from documentation.pages import ROOT
from harness.comparison.comparing import compare_metric
from harness.comparison.pairs import Pair
from harness.metrics import METRICS
from harness.reports.cells import cell_of, legend
from harness.reports.formats import escaped_markdown, shown_frame, to_markdown
from harness.reports.pictures.gallery import pictures_of
from harness.reports.pictures.style import svg_of
from harness.reports.table import MINUS, MISSING, Column, Table, TableCell
from harness.reports.trial_tables import trials_table
from harness.results.load import load_results
from harness.results.results import Results
from harness.results.rows import Row
from harness.system.files import made_folder, write_whole

__all__ = [
    "BLOCK",
    "PICTURES",
    "RESULTS",
    "blocks",
    "collected",
    "digest_of_records",
    "drawn_from",
    "mechanisms",
]

RESULTS = ROOT / "results" / "reference"
PICTURES = ROOT / "docs" / "assets" / "reference"
DIGEST = "drawn-from.sha256"

BLOCK = "reference results"
METHOD = Column("method", "method")
MEMORY, ACCURACY = METRICS["peak_memory"], METRICS["accuracy"]
KINDS = ("few-shot", "full-task")
PARTIAL = ("omniglot-360", "mechanisms")  # folders that have runs of some methods alone
OF_CLAIMS = ("coefficients",)  # folders that only a claim is judged by
RIVALS = ("onnas", "metanas")  # of On-NAS with other mechanisms


def main() -> None:
    """Write both pages, then the pictures and their digest."""
    results = collected()
    for name, block in blocks(results).items():
        path = ROOT / name
        path.write_text(
            with_block(path.read_text(encoding="utf-8"), BLOCK, block), encoding="utf-8"
        )
    for old in made_folder(PICTURES).glob("*.*"):
        old.unlink()
    # Pictures would set what was run of some methods alone beside all others.
    for picture in pictures_of(_without(results, PARTIAL)):
        if not isinstance(picture.drawn, str):
            write_whole(PICTURES / f"{picture.name}.svg", svg_of(picture.drawn))
    (PICTURES / DIGEST).write_text(digest_of_records() + "\n", encoding="ascii")


def blocks(results: Results) -> Mapping[str, str]:
    """Return what stands between the marks of each page, in Markdown."""
    rows = results.rows
    variants = mechanisms(rows)
    others = [row for row in rows if row not in variants]
    return {
        "README.md": _written(
            *(_side_by_side([row for row in others if row.kind == kind]) for kind in KINDS)
        ),
        "docs/reference-results.md": to_markdown([trials_table(others)]).partition("\n")[2],
        "docs/onnas.md": _written(_beside_rivals(variants, others)),
    }


def mechanisms(rows: Sequence[Row]) -> list[Row]:
    """Return the rows of On-NAS with other mechanisms than its own."""
    return [row for row in rows if row.method.startswith("onnas[")]


def digest_of_records() -> str:
    """Return the SHA-256 of the records of tables, whatever folder of a table they lie in."""
    found = [path for path in RESULTS.rglob("record.json") if not _lies_in(path, OF_CLAIMS)]
    records = sorted(path.read_bytes() for path in found)
    return hashlib.sha256(b"".join(records)).hexdigest()


def drawn_from() -> str:
    """Return the digest of the records that the pictures were drawn from."""
    return (PICTURES / DIGEST).read_text(encoding="ascii").strip()


def collected() -> Results:
    """Return the reference runs, without those that are there for a claim alone.

    Raises:
        ValueError: a record is missing or cannot be read.
    """
    results = load_results([RESULTS])
    if results.problems or results.pending:
        raise ValueError(f"the reference runs are not whole: {results.problems}")
    return _without(results, OF_CLAIMS)


def _without(results: Results, names: Sequence[str]) -> Results:
    """Leave out the trials of some folders."""
    trials = (each for each in results.trials if not _lies_in(each.folder, names))
    return replace(results, trials=tuple(trials))


def _lies_in(path: Path, names: Sequence[str]) -> bool:
    """Tell whether a path lies in one of the folders of the reference runs."""
    return path.relative_to(RESULTS).parts[0] in names


def _side_by_side(rows: Sequence[Row]) -> Table:
    """Return a table with a row for each method, and memory and accuracy of each setting."""
    settings = dict.fromkeys((row.dataset, row.setting) for row in rows)
    methods = dict.fromkeys((row.method, _pretraining(row)) for row in rows)
    found = {
        ((row.method, _pretraining(row)), (row.dataset, row.setting)): (
            cell_of(row, MEMORY),
            cell_of(row, ACCURACY),
        )
        for row in rows
    }
    nothing = TableCell(None), TableCell(None)
    cells = tuple(
        (
            *(TableCell(method), TableCell(tasks)),
            *(cell for each in settings for cell in found.get(((method, tasks), each), nothing)),
        )
        for method, tasks in methods
    )
    columns = [METHOD, Column("pretraining", "pretraining", "tasks", "number", 0)]
    for number, (dataset, setting) in enumerate(settings):
        name = f"{dataset}, {setting}"
        columns += [
            Column(f"memory_{number}", f"{name}: memory", "MiB", "number", 1, has_marks=True),
            Column(f"accuracy_{number}", "accuracy", "%", "number", 1, True, has_marks=True),
        ]
    return Table("reference", "", (), tuple(columns), cells)


def _pretraining(row: Row) -> float | None:
    """Return how many tasks a method was pretrained on; None if it was not."""
    if row.records[0].pretraining is None:
        return None
    return row.budget["meta_epochs"] * row.budget["meta_tasks"]


def _beside_rivals(variants: Sequence[Row], rows: Sequence[Row]) -> Table:
    """Return a table of On-NAS's mechanisms: what each variant gains on On-NAS and on MetaNAS."""
    columns = [
        *(METHOD, Column("setting", "setting")),
        Column("memory", "memory", "MiB", "number", 1, has_marks=True),
        Column("accuracy", "accuracy", "%", "number", 1, True, has_marks=True),
        *(Column(rival, f"minus {rival}", "points", "words") for rival in RIVALS),
    ]
    budgets = [row.budget for row in variants]
    rivals = [row for row in rows if row.method in RIVALS and row.budget in budgets]
    cells = [
        (
            *(TableCell(row.method), TableCell(row.setting)),
            *(cell_of(row, MEMORY), cell_of(row, ACCURACY)),
            *(_gain(row, rivals, rival) for rival in RIVALS),
        )
        for row in (*rivals, *variants)
    ]
    return Table("mechanisms", "", (), tuple(columns), tuple(cells))


def _place(row: Row) -> tuple[str, str, str | None, Mapping[str, float]]:
    """Tell what rows must have alike to be compared task by task."""
    return row.dataset, row.full_setting, row.fingerprint, row.budget


def _gain(row: Row, rivals: Sequence[Row], rival: str) -> TableCell:
    """Say by how much a row is more accurate than a rival, with its interval."""
    others = [
        each
        for each in rivals
        if each.method == rival and each is not row and _place(each) == _place(row)
    ]
    if not others:
        return TableCell(MISSING)
    found = compare_metric(ACCURACY, Pair(others[0], row))
    if found.difference is None or found.low is None or found.high is None:
        return TableCell(MISSING)
    told = f"{found.difference:+.1f} ({found.low:+.1f} to {found.high:+.1f}; {found.over})"
    return TableCell(told.replace("-", MINUS))


def _written(*tables: Table) -> str:
    """Return tables in Markdown, and below them what their signs mean."""
    rows = [row for table in tables for row in table.rows]
    return "\n\n".join([*map(_in_markdown, tables), *map(escaped_markdown, legend(rows))])


def _in_markdown(table: Table) -> str:
    flush = ["right" if column.is_flush_right else "left" for column in table.columns]
    return shown_frame(table, escaped_markdown, str).to_markdown(
        index=False, disable_numparse=True, colalign=flush
    )


if __name__ == "__main__":
    main()
