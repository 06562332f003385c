"""Writes what the pages say of the reference runs, from the records in `results/reference`.

    python -m documentation.reference_results

It puts tables between the marks that `README.md` and `docs/reference-results.md` have for them, and
draws the pictures. Beside the pictures is the digest of the records that they were drawn from, so
that a test can say when they no longer agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

from documentation.blocks import with_block
from documentation.pages import ROOT
from harness.reports.cells import legend
from harness.reports.formats import escaped_markdown, shown_frame, to_markdown
from harness.reports.lines import Line, lines_of_rows
from harness.reports.pictures.gallery import pictures_of
from harness.reports.pictures.style import svg_of
from harness.reports.table import Column, Table, TableCell
from harness.reports.trial_tables import trials_table
from harness.results.load import load_results
from harness.results.results import Results
from harness.system.files import made_folder, write_whole

__all__ = [
    "BLOCK",
    "PICTURES",
    "RESULTS",
    "blocks",
    "collected",
    "digest_of_records",
    "drawn_from",
]

RESULTS = ROOT / "results" / "reference"
PICTURES = ROOT / "docs" / "assets" / "reference"
DIGEST = "drawn-from.sha256"

BLOCK = "reference results"


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
    for picture in pictures_of(results):
        if not isinstance(picture.drawn, str):
            write_whole(PICTURES / f"{picture.name}.svg", svg_of(picture.drawn))
    (PICTURES / DIGEST).write_text(digest_of_records() + "\n", encoding="ascii")


def blocks(results: Results) -> Mapping[str, str]:
    """Return what stands between the marks of each page, in Markdown."""
    rows = results.rows
    return {
        "README.md": _side_by_side(lines_of_rows(rows, results.stand_ins)),
        "docs/reference-results.md": to_markdown([trials_table(rows)]).partition("\n")[2],
    }


def digest_of_records() -> str:
    """Return the SHA-256 of all records, whatever the folder they lie in is called."""
    records = sorted(path.read_bytes() for path in RESULTS.rglob("record.json"))
    return hashlib.sha256(b"".join(records)).hexdigest()


def drawn_from() -> str:
    """Return the digest of the records that the pictures were drawn from."""
    return (PICTURES / DIGEST).read_text(encoding="ascii").strip()


def collected() -> Results:
    """Return the reference runs.

    Raises:
        ValueError: a record is missing or cannot be read.
    """
    results = load_results([RESULTS])
    if results.problems or results.pending:
        raise ValueError(f"the reference runs are not whole: {results.problems}")
    return results


def _side_by_side(lines: Sequence[Line]) -> str:
    """Return a table with a row for each method, and memory and accuracy of each setting."""
    settings = dict.fromkeys((line.place.dataset, line.place.setting) for line in lines)
    methods = dict.fromkeys(line.place.method for line in lines)
    found = {
        (line.place.method, (line.place.dataset, line.place.setting)): (line.memory, line.accuracy)
        for line in lines
    }
    nothing = TableCell(None), TableCell(None)
    rows = tuple(
        (
            TableCell(method),
            *(cell for each in settings for cell in found.get((method, each), nothing)),
        )
        for method in methods
    )
    columns = [Column("method", "method")]
    for number, (dataset, setting) in enumerate(settings):
        name = f"{dataset}, {setting}"
        columns += [
            Column(f"memory_{number}", f"{name}: memory", "MiB", "number", 1, has_marks=True),
            Column(f"accuracy_{number}", "accuracy", "%", "number", 1, True, has_marks=True),
        ]
    table = Table("reference", "", (), tuple(columns), rows)
    shown = shown_frame(table, escaped_markdown, str).to_markdown(
        index=False, disable_numparse=True, colalign=["left"] + ["right"] * (len(columns) - 1)
    )
    return "\n\n".join([shown, *map(escaped_markdown, legend(rows))])


if __name__ == "__main__":
    main()
