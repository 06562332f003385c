"""Pictures as a part of the page: colours that follow light and dark, names of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from seaborn import light_palette

from harness.report.pictures.gallery import charts_of
from harness.report.pictures.style import COLOURS, FAINT, INK, MUTED, PAPER, WORD_COLOURS, svg_of
from harness.results.published import PublishedSuite
from harness.results.results import Results

__all__ = ["InlinePicture", "dark_colours", "inline_pictures"]

ROLES = {INK: "--ink", MUTED: "--muted", FAINT: "--faint", PAPER: "--paper"}
ROLES |= {colour: f"--series-{n}" for n, colour in enumerate(COLOURS)}
ROLES |= {colour: f"--word-{n}" for n, colour in enumerate(WORD_COLOURS)}

_NAME = re.compile(r'(\bid="|url\(#|xlink:href="#)')
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class InlinePicture:
    """An `svg` element, and the title that it shows."""

    name: str
    title: str
    svg: str


def inline_pictures(
    results: Results, published: Sequence[PublishedSuite]
) -> Iterator[InlinePicture | str]:
    """Draw each picture for the page, or say why there is nothing to draw."""
    for picture in charts_of(results, published):
        if isinstance(picture.drawn, str):
            yield picture.drawn
        else:
            title = " ".join(picture.drawn.get_suptitle().split())
            yield InlinePicture(picture.name, title, _inline(picture.drawn, picture.name, title))


def dark_colours() -> dict[str, str]:
    """Return for each colour of a series, and of its name, the one that a dark page needs."""
    return {
        role: to_hex(light_palette(colour, 10)[3 if role.startswith("--word") else 6])
        for colour, role in ROLES.items()
        if role.startswith(("--series", "--word"))
    }


def _inline(figure: Figure, name: str, title: str) -> str:
    """Return the `svg` element of a figure, without the file's prologue."""
    svg = svg_of(figure)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r">\s+<", "><", svg)
    svg = _TAG.sub(lambda tag: _themed(tag[0], name), svg)
    head, _, rest = svg.partition(">")
    head = re.sub(r' (?:width|height)="[^"]*"', "", head)
    return f'{head} role="img" aria-label="{escape(title)}">{rest}'


def _themed(tag: str, name: str) -> str:
    """Make the names in a tag the picture's own, and its colours those of the page."""
    tag = _NAME.sub(rf"\g<1>{name}-", tag)
    return re.sub(r"#[0-9a-f]{6}\b", lambda colour: _role(colour[0]), tag)


def _role(colour: str) -> str:
    return f"var({ROLES[colour]})" if colour in ROLES else colour
