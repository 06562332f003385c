"""Reads the short forms people type: `small,tasks=5` for a budget, `0-2` for seeds."""

from __future__ import annotations

import re

from pydantic import ValidationError

from harness.errors import UnknownNameError, UsageError
from harness.experiment.budget import NAMED_BUDGETS, Budget
from harness.fields import explain

__all__ = ["parse_budget", "parse_seeds"]

MAX_SEEDS = 1000


def parse_budget(text: str) -> Budget:
    """Read `NAME`, `key=value,...` or `NAME,key=value,...`.

    Without meta-epochs none of them can warm up: `meta_epochs=0` alone is enough.

    Raises:
        UsageError: an unknown name or key (the message has the nearest), or a value out of range.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    if not words:
        raise UsageError(f"the budget '{text}' is empty; give a name or key=value pairs")
    base = Budget()
    if "=" not in words[0]:
        base = _named(words.pop(0))
    changes = dict(_pair(word, text) for word in words)
    if changes.get("meta_epochs") == "0":
        changes.setdefault("warmup_epochs", "0")
    try:
        return Budget.model_validate({**base.model_dump(), **changes})
    except ValidationError as error:
        raise UsageError(f"budget '{text}': {explain(error, Budget)}") from None


def parse_seeds(text: str) -> list[int]:
    """Read `3`, `0-2` or `0,4,7-9` into the seeds in the order given, each once.

    Raises:
        UsageError: it is none of these, or names more than 1,000 seeds.
    """
    seeds: list[int] = []
    for word in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})(?:-(\d{1,9}))?\s*", word)
        if not match:
            raise UsageError(f"seeds '{text}' cannot be read; write them as 3, 0-2 or 0,4,7-9")
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            raise UsageError(f"seeds '{text}': {first}-{last} runs backwards")
        if last - first >= MAX_SEEDS:
            raise UsageError(f"seeds '{text}' are more than {MAX_SEEDS:,}")
        seeds += range(first, last + 1)
    return list(dict.fromkeys(seeds))


def _named(name: str) -> Budget:
    if name not in NAMED_BUDGETS:
        raise UnknownNameError("budget", name, NAMED_BUDGETS)
    return NAMED_BUDGETS[name]


def _pair(word: str, text: str) -> tuple[str, str]:
    key, equals, value = (part.strip() for part in word.partition("="))
    if not equals or not value:
        raise UsageError(f"budget '{text}': '{word}' is no key=value pair")
    if key not in Budget.model_fields:
        raise UnknownNameError("budget key", key, Budget.model_fields)
    return key, value
