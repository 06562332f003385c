"""Fills the page's template: its script is the only one that a browser may run.

Pictures are a part of the page: colours that follow light and dark, names of their own.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from harness.comparison.published import PublishedSuite
from harness.reports.pictures.gallery import charts_of
from harness.reports.pictures.style import (
    COLOURS,
    DARK_COLOURS,
    DARK_WORDS,
    FAINT,
    INK,
    MUTED,
    PAPER,
    WORD_COLOURS,
    svg_of,
)
from harness.results.results import Results

__all__ = ["InlinePicture", "inline_pictures", "render"]

ROLES = {INK: "--ink", MUTED: "--muted", FAINT: "--faint", PAPER: "--paper"}
ROLES |= {colour: f"--series-{n}" for n, colour in enumerate(COLOURS)}
ROLES |= {colour: f"--word-{n}" for n, colour in enumerate(WORD_COLOURS)}

SCRIPTS = ("page.js", "charts.js", "state.js")  # one after the other, as one script

_NAME = re.compile(r'(\bid="|url\(#|xlink:href="#)')
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class InlinePicture:
    """An `svg` element, and the title that it shows."""

    name: str
    title: str
    svg: str


def render(content: object) -> str:
    """Return the page of a `PageContent`; whatever a record says is escaped."""
    environment = Environment(
        loader=PackageLoader("harness.reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = "\n".join(_source(environment, name) for name in SCRIPTS)
    return environment.get_template("page.html").render(
        content=content,
        script=Markup(script),  # noqa: S704 - a file of this package
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        style=Markup(_source(environment, "page.css")),  # noqa: S704 - our own file
        series=Markup(_series()),  # noqa: S704 - numbers of this package
    )


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


def _source(environment: Environment, name: str) -> str:
    """Return a file beside the template as it is."""
    if environment.loader is None:
        raise ValueError("the environment has no templates")
    return environment.loader.get_source(environment, name)[0]


def _series() -> str:
    """Write the colours of the series as custom properties; the style sheet has the greys."""
    light, dark = [*COLOURS, *WORD_COLOURS], [*DARK_COLOURS, *DARK_WORDS]
    pairs = zip(light, dark, strict=True)
    return "".join(f"{ROLES[each]}:light-dark({each},{other});" for each, other in pairs)


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
