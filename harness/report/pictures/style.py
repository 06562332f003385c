"""How every picture looks: colour-blind safe, and the same bytes for the same records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import matplotlib as mpl
import seaborn as sns
from matplotlib.colors import to_hex

__all__ = [
    "COLOURS",
    "FAINT",
    "INK",
    "MUTED",
    "PAPER",
    "WORD_COLOURS",
    "Look",
    "drawing",
    "looks",
]

# Each grey has one role, and the page turns it into that role's colour of a light or dark page.
INK = "#1b1c1d"
MUTED = "#5e5f60"
FAINT = "#c9cacb"
PAPER = "#fefefd"

MARKERS = "osD^vPX*<>"
Line = str | tuple[int, tuple[int, ...]]

LINES: tuple[Line, ...] = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))

# seaborn's colour-blind palette without its yellow and light grey, too pale for lines on white.
COLOURS = [sns.color_palette("colorblind").as_hex()[i] for i in (0, 1, 2, 3, 4, 5, 9)]
# The same for words, which need more contrast than marks do.
WORD_COLOURS = [to_hex(sns.dark_palette(colour, 10, as_cmap=False)[5]) for colour in COLOURS]

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
    "text.parse_math": False,  # a label may hold a dollar sign
    "hatch.linewidth": 0.4,
    "hatch.color": FAINT,
    "lines.linewidth": 1.3,
    "lines.markersize": 5.5,
    "errorbar.capsize": 2,
    "svg.fonttype": "none",  # text stays text: small, searchable, read aloud
    "svg.hashsalt": "onnas-harness",
}


@dataclass(frozen=True)
class Look:
    """What tells one method from the others: in colour, and without it."""

    colour: str
    words: str  # the colour of its name
    marker: str
    line: Line


@contextmanager
def drawing() -> Iterator[None]:
    """Draw, or save what was drawn, in this style."""
    style: dict[Any, Any] = {**sns.axes_style("ticks"), **RC}
    with mpl.rc_context(style):
        yield


def looks(labels: Iterable[str]) -> dict[str, Look]:
    """Give each label its look, in order, so that a method looks alike in all pictures of a run."""
    ways = zip(cycle(COLOURS), cycle(WORD_COLOURS), cycle(MARKERS), cycle(LINES), strict=False)
    return {label: Look(*way) for label, way in zip(dict.fromkeys(labels), ways, strict=False)}
