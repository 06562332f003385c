"""Parts of hand-written pages that commands write from the code or from records."""

from __future__ import annotations

import re

__all__ = ["block_in", "with_block"]


def with_block(page: str, name: str, block: str) -> str:
    """Return a page with another text between the two marks of a name.

    Raises:
        ValueError: it has no such marks, or more than one pair.
    """
    begin, end = _marks(name)
    page, count = _pattern(name).subn(lambda _: f"{begin}\n\n{block.strip()}\n\n{end}", page)
    if count != 1:
        raise ValueError(f"a page must have {begin} and {end} once; here they are {count} times")
    return page


def block_in(page: str, name: str) -> str:
    """Return the text between the two marks of a name; nothing where there are none."""
    found = _pattern(name).search(page)
    return found[1].strip() if found else ""


def _marks(name: str) -> tuple[str, str]:
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def _pattern(name: str) -> re.Pattern[str]:
    begin, end = map(re.escape, _marks(name))
    return re.compile(f"{begin}(.*?){end}", re.DOTALL)
