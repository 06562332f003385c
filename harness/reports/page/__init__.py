"""The page: a whole report in one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.comparison.published import PublishedSuite
from harness.reports.table import Table
from harness.results.reading import without_garbage_collection
from harness.results.results import Results
from harness.system.plotting import own_settings

__all__ = ["page_text", "write_page"]


def write_page(
    results: Results,
    tables: Sequence[Table],
    destination: Path,
    published: Sequence[PublishedSuite] = (),
) -> None:
    """Write the page, whole or not at all.

    Args:
        results: what was run and estimated.
        tables: the tables to show first, in this order.
        destination: the HTML file.
        published: suites whose published memory is drawn beside that of the same rows.

    Raises:
        RunFolderError: the file cannot be written.
    """
    from harness.system.files import write_whole  # noqa: PLC0415 - as in `page_text`

    write_whole(destination, page_text(results, tables, published))


def page_text(
    results: Results, tables: Sequence[Table], published: Sequence[PublishedSuite] = ()
) -> str:
    """Return the page as HTML; the arguments are those of `write_page`."""
    # Imported here: they import matplotlib and jinja2, only for those who want a page.
    with own_settings():
        from harness.reports.page.content import content_of  # noqa: PLC0415 - see above
        from harness.reports.page.rendering import render  # noqa: PLC0415 - see above

    with without_garbage_collection():
        return render(content_of(results, tables, published))
