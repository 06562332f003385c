"""Markdown in small pieces, as the site reads it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["anchor", "fenced", "prose", "table"]

# Marks that texts of the code contain and do not mean as markup; quoted code is left as it is.
_MARKUP = re.compile(r"([\\*\[\]|_])")
_CODE = re.compile(r"(`[^`]*`)")


def prose(text: str) -> str:
    """Return a sentence of the code on one line, with its quoted code and no other markup."""
    parts = _CODE.split(" ".join(text.split()))
    return "".join(part if part.startswith("`") else _plain(part) for part in parts)


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; its cells are Markdown."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def fenced(text: str, language: str = "text") -> str:
    """Return a block of code."""
    return f"```{language}\n{text.rstrip()}\n```"


def _plain(text: str) -> str:
    """Keep what could be markup or HTML from being any."""
    return escape(_MARKUP.sub(r"\\\1", text), quote=False)


def anchor(heading: str) -> str:
    """Return what the site links a heading by."""
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", heading.lower()))
