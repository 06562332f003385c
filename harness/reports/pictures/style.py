"""The style of all pictures, safe for colour-blind readers; equal records give equal bytes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from harness.system.files import made_folder, write_whole
from harness.system.plotting import drawn_with

__all__ = [
    "COLOURS",
    "DARK_COLOURS",
    "DARK_WORDS",
    "FAINT",
    "INK",
    "LINES",
    "MARKERS",
    "MUTED",
    "PAPER",
    "WORD_COLOURS",
    "Look",
    "drawing",
    "looks",
    "save_picture",
    "svg_of",
]

# Each grey has one role, and the page turns it into that role's colour of a light or dark page.
INK = "#1b1c1d"
MUTED = "#5e5f60"
FAINT = "#c9cacb"
PAPER = "#fefefd"

Marker = str | tuple[int, int, int] | tuple[tuple[float, float], ...]
# As matplotlib has them: letters, a star by its points, and corners of sand glasses and bars.
MARKERS: tuple[Marker, ...] = (
    *"osD^vPX*<>phd",
    (4, 1, 0),
    ((-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (1.0, 1.0), (-1.0, -1.0)),
    ((-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0), (-1.0, -1.0)),
    ((-1.0, -0.45), (1.0, -0.45), (1.0, 0.45), (-1.0, 0.45), (-1.0, -0.45)),
    ((-0.45, -1.0), (0.45, -1.0), (0.45, 1.0), (-0.45, 1.0), (-0.45, -1.0)),
)
# So that the built-in methods share no markers and, as far as the palette goes, no colours. The two
# random controls share one, so do the controls that search nothing, and newer methods share one
# with a method of On-NAS's paper.
SALTS = {"colour": 9621, "marker": 188040, "line": 87220}
Line = str | tuple[int, tuple[int, ...]]

LINES: tuple[Line, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))

# The colour-blind palette of seaborn 0.13, which takes a second to import, without its yellow and
# light grey, too pale for lines on white.
COLOURS = ["#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc", "#ca9161", "#56b4e9"]
# The same for words, which need more contrast than marks do: the middle of its `dark_palette`.
WORD_COLOURS = ["#105176", "#8e6012", "#106950", "#8a440f", "#84537a", "#826146", "#407594"]
# Both on a dark page: its `light_palette`.
DARK_COLOURS = ["#509dc8", "#e5af53", "#4fba9c", "#df8f50", "#d9a0ce", "#d7b190", "#89c8ec"]
DARK_WORDS = ["#a5bcc9", "#d1c0a5", "#a1c5ba", "#d0b7a5", "#cdbcc9", "#cdc1b7", "#b5c8d3"]

RC: dict[str, Any] = {
    "font.size": 8,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "xtick.labelsize": 7.5,
    "ytick.labelsize": 7.5,
    "figure.titlesize": 10.5,
    "figure.titleweight": "bold",
    "figure.facecolor": PAPER,
    "figure.dpi": 100,
    "axes.facecolor": "none",
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.grid": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.4,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "text.color": INK,
    "font.family": ["sans-serif"],
    "font.sans-serif": ["Arial", "DejaVu Sans", "Liberation Sans", "sans-serif"],
    "lines.solid_capstyle": "round",
    "patch.edgecolor": "w",
    "patch.force_edgecolor": True,
    "text.parse_math": False,  # a label may hold a dollar sign
    "hatch.linewidth": 0.4,
    "hatch.color": FAINT,
    "lines.linewidth": 1.3,
    "lines.markersize": 5.5,
    "errorbar.capsize": 2,
    "svg.fonttype": "none",  # text stays text: small, searchable, read aloud
    "svg.hashsalt": "onnas-harness",
}

DOTS_PER_INCH = 200

_TAG = re.compile(r"<[^>]*>")
_LONG_NUMBER = re.compile(r"(\d\.\d\d)\d+")  # a hundredth of a point is finer than any printer


@dataclass(frozen=True)
class Look:
    """The look of one method, which is distinct in colour and without colour."""

    colour: str
    words: str  # the colour of its name
    marker: Marker
    line: Line


@contextmanager
def drawing() -> Iterator[None]:
    """Draw or save within the context in this style."""
    with drawn_with(RC):
        yield


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """Return the look of each label, which is the same in every picture and page.

    Variants of a method have its colour, and markers of their own.
    """
    return {label: _look(label) for label in labels}


def _look(label: str) -> Look:
    name, _, parameters = label.partition("[")
    colour, marker = _chosen("colour", name, len(COLOURS)), _chosen("marker", name, len(MARKERS))
    line = _chosen("line", name, len(LINES))
    if parameters:
        marker += 1 + _chosen("marker", parameters, len(MARKERS) - 1)
        line += 1 + _chosen("line", parameters, len(LINES) - 1)
    return Look(
        COLOURS[colour],
        WORD_COLOURS[colour],
        MARKERS[marker % len(MARKERS)],
        LINES[line % len(LINES)],
    )


def _chosen(what: str, name: str, among: int) -> int:
    """Return a number that depends on the name alone, and is the same on every machine."""
    digest = sha256(f"{SALTS[what]}/{what}/{name}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % among


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
