"""Writes a picture as SVG and PNG: the same bytes for the same records, whatever the day."""

from __future__ import annotations

import re
from io import BytesIO
from pathlib import Path

from matplotlib.figure import Figure

from harness.report.pictures.style import drawing
from harness.runtime.files import made_folder, write_whole

__all__ = ["save_picture", "svg_of"]

DOTS_PER_INCH = 200

_TAG = re.compile(r"<[^>]*>")
_LONG_NUMBER = re.compile(r"(\d\.\d\d)\d+")  # a hundredth of a point is finer than any printer


def save_picture(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write `name.svg` and `name.png` into a folder, which is made, and return their paths.

    Raises:
        RunFolderError: the folder cannot be written to.
    """
    made_folder(folder)
    paths = [folder / f"{name}.svg", folder / f"{name}.png"]
    write_whole(paths[0], svg_of(figure))
    write_whole(paths[1], _png_of(figure))
    return paths


def svg_of(figure: Figure) -> str:
    """Return a figure as SVG, without date or version."""
    content = BytesIO()
    with drawing():
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return _TAG.sub(_rounded, content.getvalue().decode())


def _rounded(tag: re.Match[str]) -> str:
    """Shorten the numbers inside a tag; a label is between tags, and stays as it is."""
    return _LONG_NUMBER.sub(lambda number: number[1], tag[0])


def _png_of(figure: Figure) -> bytes:
    content = BytesIO()
    with drawing():
        figure.savefig(content, format="png", dpi=DOTS_PER_INCH, metadata={"Software": None})
    return content.getvalue()
