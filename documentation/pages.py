"""Reads the pages: what a reader types, in blocks and in running text.

A block of `sh` or `python` can be run as it is; one of `console` needs what not every reader has,
such as other machines, and one of `py` is only a fragment.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["ROOT", "Block", "Page", "every_page", "simple_commands"]

ROOT = Path(__file__).parents[1]

# A text that ends so names the file that the block below it is to be saved as.
_NAMES_A_FILE = re.compile(r"`(?:[^`]* )?(?P<name>[\w./-]+\.(?:toml|py))`:$")
_SEPARATORS = {"&&", "||", ";", "|", "&"}


@dataclass(frozen=True)
class Block:
    """A block of code."""

    line: int  # where it begins, from 1
    language: str
    text: str
    file: str | None  # what it is to be saved as


@dataclass(frozen=True)
class Page:
    """A page that a person reads."""

    name: str  # relative to the top of the project
    blocks: tuple[Block, ...]
    quoted: tuple[str, ...]  # code in running text and in tables

    def commands(self, *languages: str) -> list[str]:
        """Return the lines of the blocks of some languages, continued ones joined, no comments."""
        shell = [block.text for block in self.blocks if block.language in languages]
        return [line for text in shell for line in _lines(text)]


@cache
def every_page() -> tuple[Page, ...]:
    """Read the README and all pages below `docs/`, in order."""
    paths = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return tuple(_read(path) for path in paths)


def simple_commands(line: str) -> Iterator[list[str]]:
    """Give the words of each command in a line of shell."""
    words: list[str] = []
    lexer = shlex.shlex(line, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    for word in lexer:
        if word in _SEPARATORS:
            yield words
            words = []
        else:
            words.append(word)
    yield words


def _read(path: Path) -> Page:
    tokens = MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8"))
    inner = [child for token in tokens for child in token.children or ()]
    quoted = tuple(token.content for token in inner if token.type == "code_inline")
    return Page(path.relative_to(ROOT).as_posix(), tuple(_blocks(tokens)), quoted)


def _blocks(tokens: list[Token]) -> Iterator[Block]:
    said = ""
    for token in tokens:
        if token.type == "inline":
            said = token.content
        if token.type == "fence":
            named = _NAMES_A_FILE.search(said)
            start = token.map[0] + 1 if token.map else 0
            yield Block(start, token.info.strip(), token.content, named["name"] if named else None)
            said = ""


def _lines(text: str) -> Iterator[str]:
    """Give each line of shell; what a quoted text holds is not a comment."""
    for line in text.replace("\\\n", " ").splitlines():
        told = re.sub(r"(^|\s)#\s.*$", "", line).strip()
        if told:
            yield told
