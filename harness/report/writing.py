"""Writes reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.report.formats.csv import to_csv
from harness.report.formats.latex import to_latex
from harness.report.formats.markdown import to_markdown
from harness.report.suites import PublishedSuite
from harness.report.table import Table
from harness.results.folder import Collection
from harness.runtime.files import made_folder, write_whole

__all__ = ["Report", "write_report"]

_TEXTS: dict[str, Callable[[Sequence[Table]], str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
}


@dataclass(frozen=True)
class Report:
    """What a report is made of: what was found, what was published of it, and the tables."""

    collection: Collection
    published: Sequence[PublishedSuite]
    tables: Sequence[Table]


def write_report(
    report: Report, destinations: Mapping[str, Path | None], say: Callable[[str], None]
) -> list[Path]:
    """Write each format to its path, and return the paths; without one, `say` it.

    Raises:
        RunFolderError: something cannot be written.
    """
    written = []
    for name, path in destinations.items():
        if path is None:
            say(_TEXTS[name](report.tables).rstrip("\n"))
            continue
        made_folder(path.parent)
        if name == "html":
            from harness.report.page import write_page  # noqa: PLC0415 - slow, for pages alone

            write_page(report.collection, report.tables, path, report.published)
        else:
            write_whole(path, _TEXTS[name](report.tables).rstrip("\n") + "\n")
        written.append(path)
    return written
