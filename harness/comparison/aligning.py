"""Finds the rows of two rows that belong together, and what keeps them from being comparable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from harness.errors import UsageError
from harness.results.rows import Row

__all__ = ["ALLOWANCES", "Aligned", "Allowance", "Pair", "align", "check_comparable"]

Allowance = Literal["mode", "budget", "dataset", "conditions"]
ALLOWANCES: tuple[Allowance, ...] = ("mode", "budget", "dataset", "conditions")

Key = tuple[str, ...]


@dataclass(frozen=True)
class Pair:
    """The same method, data set, setting and device on both rows.

    Attributes:
        differs: what is not the same all the same, each with a clause that says how.
    """

    a: Row
    b: Row
    differs: Mapping[Allowance, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Aligned:
    """The pairs, and what only one row has."""

    pairs: tuple[Pair, ...]
    only_a: tuple[Row, ...]
    only_b: tuple[Row, ...]


def align(a: Sequence[Row], b: Sequence[Row]) -> Aligned:
    """Pair rows: by all that defines them where that is possible, else by what they are called.

    A row that has several partners, such as one of each budget, has the one that is the same in
    everything; without such a one it is left alone.
    """
    shared = {row.fingerprint for row in a} & {row.fingerprint for row in b} - {None}
    named_a, named_b = (_by_name(rows, shared) for rows in (a, b))
    pairs = [pair for key in named_a for pair in _paired(named_a[key], named_b.get(key, []))]
    met = {id(row) for pair in pairs for row in (pair.a, pair.b)}
    only_a, only_b = (tuple(row for row in rows if id(row) not in met) for rows in (a, b))
    return Aligned(tuple(pairs), only_a, only_b)


def _paired(rivals: Sequence[Row], partners: Sequence[Row]) -> list[Pair]:
    """Pair rows of one name: those that are the same, and then what is left, if it is one each."""
    every = [Pair(a, b, _differences(a, b)) for a in rivals for b in partners]
    pairs = [pair for pair in every if not pair.differs]
    met = {id(row) for pair in pairs for row in (pair.a, pair.b)}
    rest = [pair for pair in every if not {id(pair.a), id(pair.b)} & met]
    return pairs + (rest if len(rest) == 1 else [])


def check_comparable(pairs: Sequence[Pair], allowed: Collection[Allowance]) -> None:
    """Refuse pairs that differ in what was not allowed.

    Raises:
        UsageError: the message says what differs, in which row, and which option allows it.
    """
    first: dict[Allowance, Pair] = {}
    for pair in pairs:
        for kind in pair.differs:
            if kind not in allowed:
                first.setdefault(kind, pair)
    if not first:
        return
    reasons = [f"{pair.differs[kind]} ({_place(pair.a)})" for kind, pair in first.items()]
    options = " ".join(f"--allow {kind}" for kind in first)
    raise UsageError(
        f"A and B are not comparable: {'; '.join(reasons)}; {options} compares them all the same "
        "and says so in each row"
    )


def _by_name(rows: Sequence[Row], shared: Collection[str | None]) -> dict[Key, list[Row]]:
    found: dict[Key, list[Row]] = {}
    for row in rows:
        found.setdefault(_key(row, shared), []).append(row)
    return found


def _key(row: Row, shared: Collection[str | None]) -> Key:
    """Name a row; data that both rows have is known by its content, wherever it lies."""
    data = row.fingerprint if row.fingerprint in shared else row.dataset
    return row.method, str(data), row.setting, row.device


def _differences(a: Row, b: Row) -> dict[Allowance, str]:
    found: dict[Allowance, str] = {}
    if a.mode != b.mode:
        found["mode"] = f"A is {a.mode}, B is {b.mode}"
    predicted = "predicted" in (a.mode, b.mode)  # an estimate knows but some keys
    keys = a.budget.keys() & b.budget.keys() if predicted else a.budget.keys() | b.budget.keys()
    changed = [key for key in sorted(keys) if a.budget.get(key) != b.budget.get(key)]
    if changed:
        told = [f"{key} is {_told(a, key)} in A and {_told(b, key)} in B" for key in changed]
        found["budget"] = f"the budget's {', '.join(told)}"
    if a.conditions != b.conditions:
        told = [each.conditions or "the default ones" for each in (a, b)]
        found["conditions"] = f"conditions are {told[0]} in A and {told[1]} in B"
    if None not in (a.fingerprint, b.fingerprint) and a.fingerprint != b.fingerprint:
        found["dataset"] = (
            f"the data has the fingerprint {_short(a)} in A and {_short(b)} in B, so its images "
            "are not the same"
        )
    elif "" not in (a.posed, b.posed) and a.posed != b.posed:
        found["dataset"] = f"tasks have {a.posed} in A and {b.posed} in B"
    return found


def _told(row: Row, key: str) -> str:
    return f"{row.budget[key]:g}" if key in row.budget else "open"


def _short(row: Row) -> str:
    return str(row.fingerprint)[:12]


def _place(row: Row) -> str:
    return f"{row.method} on {row.dataset} {row.full_setting}, {row.device}"
