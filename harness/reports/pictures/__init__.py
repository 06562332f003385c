"""Pictures of results, as SVG and PNG, for print and for the page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.comparison.published import PublishedSuite
from harness.results.results import Results
from harness.system.plotting import own_settings

__all__ = ["draw_all"]


def draw_all(
    results: Results, folder: Path, published: Sequence[PublishedSuite] = ()
) -> list[Path]:
    """Draw every picture that has something to show, and return the files' paths.

    Args:
        results: what was run and estimated.
        folder: where the files go; it is made.
        published: suites whose published memory is drawn beside that of the same rows.

    Raises:
        RunFolderError: the folder cannot be written to.
    """
    # Imported here: they import matplotlib, which is slow, and only for those who want pictures.
    with own_settings():
        from harness.reports.pictures.gallery import pictures_of  # noqa: PLC0415 - see above
        from harness.reports.pictures.style import save_picture  # noqa: PLC0415 - see above

    return [
        path
        for picture in pictures_of(results, published)
        if not isinstance(picture.drawn, str)
        for path in save_picture(picture.drawn, folder, picture.name)
    ]
