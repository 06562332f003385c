"""The card of a model: what it is, how good, what it cost, and what it must not be used for."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from harness.models.judging import Judgement
from harness.reports.formats import escaped_markdown

__all__ = ["CardFacts", "card_files"]


@dataclass(frozen=True)
class CardFacts:
    """What a card says, in words and numbers that were measured.

    Attributes:
        title: what the model tells apart.
        summary: one sentence on how good it is.
        facts: pairs of a word and what is to be said of it.
        judgement: of the photos that nothing learned from.
        command: what made it.
        limits: sentences on what it must not be used for.
    """

    title: str
    summary: str
    facts: Sequence[tuple[str, str]]
    judgement: Judgement
    command: str
    limits: Sequence[str]


def card_files(facts: CardFacts) -> dict[str, bytes]:
    """Return the card as `card.md` and `card.html`; what people named is escaped in both."""
    return {
        "card.md": _filled("card.md", facts).encode(),
        "card.html": _filled("card.html", facts).encode(),
    }


def _filled(name: str, facts: CardFacts) -> str:
    environment = Environment(
        loader=PackageLoader("harness.adaptation"),
        autoescape=select_autoescape(["html"]),  # Markdown has other rules, see the filter
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["md"] = escaped_markdown
    environment.filters["percent"] = lambda value: "–" if value is None else f"{value:.0f} %"
    environment.filters["data_url"] = _data_url
    return environment.get_template(name).render(card=facts, judged=facts.judgement)


def _data_url(png: bytes) -> Markup:
    return Markup("data:image/png;base64,") + b64encode(png).decode()
