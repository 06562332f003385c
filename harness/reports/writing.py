"""Writes reports: which format goes where, and each to its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.comparison.published import PublishedSuite, find_published
from harness.errors import UsageError
from harness.plugins.loading import Plugins
from harness.reports.claim_tables import ledgers_of
from harness.reports.formats import to_csv, to_latex, to_markdown
from harness.reports.table import Table
from harness.reports.tables import tables_of
from harness.results.load import load_results
from harness.results.results import Results
from harness.system.files import made_folder, write_whole

__all__ = ["SUFFIXES", "Report", "choose_destinations", "page_of", "write_report"]

SUFFIXES = {"md": ".md", "csv": ".csv", "latex": ".tex", "html": ".html"}
_FORMATS = {suffix: name for name, suffix in SUFFIXES.items()}
_TEXTS: dict[str, Callable[[Sequence[Table]], str]] = {
    "md": to_markdown,
    "csv": to_csv,
    "latex": to_latex,
}


@dataclass(frozen=True)
class Report:
    """What a report is made of: what was found, what was published of it, and the tables."""

    results: Results
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
            from harness.reports.page import write_page  # noqa: PLC0415 - slow, for pages alone

            write_page(report.results, report.tables, path, report.published)
        else:
            write_whole(path, _TEXTS[name](report.tables).rstrip("\n") + "\n")
        written.append(path)
    return written


def page_of(folder: Path, plugins: Plugins) -> tuple[str, bool]:
    """Return the page of a folder as HTML, and whether planned trials have no record yet.

    Raises:
        UsageError: nothing that a run or an estimate leaves is in the folder.
    """
    from harness.reports.page import page_text  # noqa: PLC0415 - slow, for pages alone

    results = load_results([folder], plugins.metrics)
    published = find_published(results.suites, plugins)
    ledgers = ledgers_of(plugins, results, [folder], lambda _: None)  # a report says what is wrong
    tables = [*ledgers, *tables_of(results, published, controls=plugins.controls)]
    return page_text(results, tables, published), results.pending > 0


def choose_destinations(
    formats: Sequence[str], output: Path | None, folders: Sequence[Path]
) -> Mapping[str, Path | None]:
    """Return a path for each format; None: standard output.

    Args:
        formats: those that were asked for; none: the one that the output's name ends in, else
            Markdown.
        output: a file, or for several formats a folder.
        folders: what is reported on; a page goes into the first unless told otherwise.

    Raises:
        UsageError: the output's name tells no format, or another one than was asked for, or
            several formats have no folder.
    """
    wanted = list(dict.fromkeys(formats)) or [_format_of(output)]
    if len(wanted) > 1 and (output is None or output.suffix in _FORMATS or output.is_file()):
        raise UsageError(f"{len(wanted)} formats need a folder to go to; name one with --output")
    if output is not None and (len(wanted) > 1 or output.is_dir()):
        return {name: output / f"report{SUFFIXES[name]}" for name in wanted}
    if wanted == ["html"] and output is None:
        return {"html": folders[0] / "report.html"}  # a page is to be opened, not read as text
    if output is not None and _FORMATS.get(output.suffix, wanted[0]) != wanted[0]:
        raise UsageError(
            f"{output} is called {_FORMATS[output.suffix]}, and would be {wanted[0]}; give it a "
            f"name that ends in {SUFFIXES[wanted[0]]}"
        )
    return {wanted[0]: output}


def _format_of(output: Path | None) -> str:
    if output is None or output.is_dir():
        return "md"
    if output.suffix not in _FORMATS:
        raise UsageError(
            f"{output} does not end in {', '.join(_FORMATS)}; say its format with --format"
        )
    return _FORMATS[output.suffix]
