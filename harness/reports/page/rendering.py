"""Renders the page from its template; a browser may run no script but the page's own.

`templates/charts.js` draws the interactive charts from rows as JSON, so that filters, the legend
and the limit can change them; every number in them is also in a table. Pictures are inline SVG,
whose colours follow the light or dark theme, and whose ids are unique in the page.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from html import escape
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from harness.comparison.paper import PaperLine, compare_with
from harness.comparison.published import PublishedSuite
from harness.reports.pictures.gallery import charts_of
from harness.reports.pictures.style import (
    COLOURS,
    DARK_COLOURS,
    DARK_WORDS,
    FAINT,
    INK,
    LINES,
    MARKERS,
    MUTED,
    PAPER,
    WORD_COLOURS,
    looks,
    svg_of,
)
from harness.results.results import Results
from harness.results.rows import Row, Value, metrics_of_rows

__all__ = ["InlinePicture", "charts_json", "inline_pictures", "render"]

MOST_ROWS = 3000


def charts_json(results: Results, published: Sequence[PublishedSuite]) -> str:
    """Return the data of the charts as JSON that is safe within a `script` element."""
    rows = [row for row in results.rows if row.values or row.fits is False][:MOST_ROWS]
    labels = dict.fromkeys(row.method for row in rows)
    places = {id(record): place for place, record in enumerate(results.records)}
    content = {
        "metrics": [
            {"name": m.name, "title": m.title, "unit": m.unit, "more": m.more_is_better}
            for m in metrics_of_rows(rows, always=False)
        ],
        "looks": dict(_looks(labels)),
        "rows": [_row(row, places) for row in rows],
        "paper": list(_paper(results, published)),
    }
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"), allow_nan=False)
    return text.replace("<", "\\u003c")  # a stranger's name ends no script


def _looks(labels: Mapping[str, None]) -> Iterator[tuple[str, list[int]]]:
    for label, look in looks(labels).items():
        yield label, [COLOURS.index(look.colour), MARKERS.index(look.marker), _line(look.line)]


def _line(line: object) -> int:
    return list(LINES).index(line)  # type: ignore[arg-type]


def _row(row: Row, places: Mapping[int, int]) -> dict[str, Any]:
    return {
        "method": row.method,
        "dataset": row.dataset,
        "setting": row.full_setting,
        "device": row.device,
        "mode": row.mode,
        "limit": row.limit_mib,
        "fits": row.fits,
        "chance": row.chance,
        "trial": places.get(id(row.records[0])) if row.records else None,
        "seeds": len(row.records),
        "values": {name: _value(value) for name, value in row.values.items()},
    }


def _value(value: Value) -> list[Any]:
    """Return the value, the ends of its interval or band, and its source."""
    low, high = value.low, value.high
    if value.interval is not None and value.metric.shows_spread:
        low, high = value.value - value.interval, value.value + value.interval
    return [_short(value.value), _short(low), _short(high), value.source]


def _short(value: float | None) -> float | None:
    """Round a number for a chart."""
    return None if value is None else float(f"{value:.6g}")


def _reach(line: PaperLine) -> tuple[float | None, float | None]:
    """Return the ends of the interval of ours, or of the band of a prediction."""
    if line.ours is not None and line.interval is not None:
        return line.ours - line.interval, line.ours + line.interval
    return line.low, line.high


def _paper(results: Results, published: Sequence[PublishedSuite]) -> Iterator[dict[str, Any]]:
    """Return the published numbers that have one of ours beside them, the farthest apart first."""
    for suite in (each for each in published if each.has_numbers):
        notes = suite.published.notes
        for compared in compare_with(suite, results.rows, results.stand_ins):
            lines = [each for each in compared.lines if each.relative is not None]
            for line in sorted(lines, key=lambda each: -abs(each.relative or 0.0)):
                row = next((row for place, row in suite.rows if place == line.place), None)
                why = [note.text for note in notes if row and note.where and note.is_about(row)]
                if compared.scaled:
                    why.append("The budget is scaled.")
                yield {
                    "suite": suite.title,
                    "metric": line.metric.title + (f" on {line.device}" if line.device else ""),
                    "unit": line.metric.unit,
                    "method": line.place.method,
                    "dataset": line.place.dataset,
                    "device": line.device,
                    "place": f"{line.place.dataset} {line.place.setting}",
                    "reach": [_short(end) for end in _reach(line)],
                    "std": _short(line.published_std),
                    "chance": _short(line.chance),
                    "ours": _short(line.ours),
                    "published": line.published,
                    "source": line.source,
                    "why": " ".join(why),
                }


ROLES = {INK: "--ink", MUTED: "--muted", FAINT: "--faint", PAPER: "--paper"}
ROLES |= {colour: f"--series-{n}" for n, colour in enumerate(COLOURS)}
ROLES |= {colour: f"--word-{n}" for n, colour in enumerate(WORD_COLOURS)}

SCRIPTS = ("page.js", "charts.js", "state.js")  # one after the other, as one script

_NAME = re.compile(r'(\bid="|url\(#|xlink:href="#)')
_TAG = re.compile(r"<[^>]*>")


@dataclass(frozen=True)
class InlinePicture:
    """An `svg` element with its title."""

    name: str
    title: str
    svg: str


def render(content: object) -> str:
    """Return the page of a `PageContent`; all text from records is escaped."""
    environment = Environment(
        loader=PackageLoader("harness.reports.page"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["soft"] = _softly
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
    """Return the text of a file beside the template."""
    if environment.loader is None:
        raise ValueError("the environment has no templates")
    return environment.loader.get_source(environment, name)[0]


def _softly(text: str) -> Markup:
    """Allow line breaks after a name's punctuation, so that words and numbers stay whole."""
    signs = r"(\[(?=\w)|,(?=[^\W\d])|=(?=\w{3}))"  # a comma before a digit parts thousands
    return Markup(re.sub(signs, r"\1<wbr>", str(escape(text))))  # noqa: S704 - escaped


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
    """Make the ids in a tag unique to the picture, and its colours those of the page's theme."""
    tag = _NAME.sub(rf"\g<1>{name}-", tag)
    return re.sub(r"#[0-9a-f]{6}\b", lambda colour: _role(colour[0]), tag)


def _role(colour: str) -> str:
    return f"var({ROLES[colour]})" if colour in ROLES else colour
