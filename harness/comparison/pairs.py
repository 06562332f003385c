"""Pairs rows of two sides, checks that they are comparable, and takes differences of means.

Differences have 95 % intervals, paired by seed and task or not. The tasks of one seed share a
pretraining, so they are not always independent of each other. Where seeds differ by no more than
the tasks within them explain, all tasks are pooled; where they differ by more, each seed is one
value. An F test at 25 % decides (Bancroft, 1964), so that in doubt the seeds are kept apart, which
gives the wider interval.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt
from operator import sub
from statistics import fmean
from typing import Literal

from scipy import special  # type: ignore[import-untyped]

from harness.errors import UsageError
from harness.results.rows import Row, Samples
from harness.results.summary import variance

__all__ = [
    "ALLOWANCES",
    "MIN_SEEDS",
    "MIN_TASKS",
    "Aligned",
    "Allowance",
    "Difference",
    "Pair",
    "align",
    "check_comparable",
    "paired",
    "unpaired",
]

Allowance = Literal["mode", "budget", "dataset", "conditions"]
ALLOWANCES: tuple[Allowance, ...] = ("mode", "budget", "dataset", "conditions")

Key = tuple[str, ...]

Groups = Sequence[Sequence[float]]  # the same without their names
MIN_TASKS = 10  # Student's t on percentages of a few images needs some for their mean to be normal
MIN_SEEDS = 3  # two leave one degree of freedom: an interval 12.7 standard errors wide
POOL_ABOVE = 0.25


@dataclass(frozen=True)
class Pair:
    """Two rows of the same method, data set, setting and device.

    Attributes:
        differs: what nevertheless differs, each with a clause that says how.
    """

    a: Row
    b: Row
    differs: Mapping[Allowance, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Aligned:
    """The pairs, and the rows that only one side has."""

    pairs: tuple[Pair, ...]
    only_a: tuple[Row, ...]
    only_b: tuple[Row, ...]


def align(a: Sequence[Row], b: Sequence[Row]) -> Aligned:
    """Pair rows by all that defines them if possible, else by their names.

    If a row has several possible partners, such as one for each budget, it is paired with the one
    that is equal in everything; if there is none, it is left unpaired.
    """
    shared = {row.fingerprint for row in a} & {row.fingerprint for row in b} - {None}
    named_a, named_b = (_by_name(rows, shared) for rows in (a, b))
    pairs = [pair for key in named_a for pair in _paired(named_a[key], named_b.get(key, []))]
    met = {id(row) for pair in pairs for row in (pair.a, pair.b)}
    only_a, only_b = (tuple(row for row in rows if id(row) not in met) for rows in (a, b))
    return Aligned(tuple(pairs), only_a, only_b)


def _paired(rivals: Sequence[Row], partners: Sequence[Row]) -> list[Pair]:
    """Pair rows of one name: first equal rows, then what is left, if that is one on each side."""
    every = [Pair(a, b, _differences(a, b)) for a in rivals for b in partners]
    pairs = [pair for pair in every if not pair.differs]
    met = {id(row) for pair in pairs for row in (pair.a, pair.b)}
    rest = [pair for pair in every if not {id(pair.a), id(pair.b)} & met]
    return pairs + (rest if len(rest) == 1 else [])


def check_comparable(pairs: Sequence[Pair], allowed: Collection[Allowance]) -> None:
    """Check that pairs differ only in what was allowed.

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
    """Return the key of a row; data that both sides have count by content, not by path."""
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


@dataclass(frozen=True)
class Difference:
    """The mean of B minus the mean of A.

    Attributes:
        a: the mean of A's compared values.
        b: the mean of B's.
        low: lower end of the 95 % interval of `b - a`; None if no interval can be given.
        high: its upper end.
        over: what one value is: a task, or a seed.
        count: how many pairs of values there are; without pairs, values on the side with fewer.
        seeds: how many seeds the values come from.
        enough: whether there are enough values to trust the interval.
    """

    a: float
    b: float
    low: float | None
    high: float | None
    over: Literal["tasks", "seeds"]
    paired: bool
    count: int
    seeds: int
    enough: bool


def paired(a: Samples, b: Samples) -> Difference | None:
    """Compare values of the same seed and task; None if there is no such pair."""
    first, second = [], []
    for seed, ours in a.items():
        theirs = b.get(seed, {})
        if common := [*filter(theirs.__contains__, ours)]:
            first.append([*map(ours.__getitem__, common)])
            second.append([*map(theirs.__getitem__, common)])
    if not first:
        return None
    groups = [[*map(sub, ys, xs)] for xs, ys in zip(first, second, strict=True)]
    pooled = _are_alike(groups)
    values = _values(groups, pooled)
    # Pairs without any difference leave nothing to tell apart, however few they are.
    same = not any(map(any, groups))
    low, high = (0.0, 0.0) if same else _interval(fmean(values), [values])
    enough = same or _suffice(len(values), pooled)
    means = [fmean(_values(side, pooled)) for side in (first, second)]
    unit, count, seeds = _unit(pooled), len(values), len(groups)
    return Difference(means[0], means[1], low, high, unit, True, count, seeds, enough)


def unpaired(a: Samples, b: Samples) -> Difference | None:
    """Compare by Welch's t; None if a side is empty."""
    sides = [[list(tasks.values()) for tasks in side.values() if tasks] for side in (a, b)]
    if not all(sides):
        return None
    pooled = all(map(_are_alike, sides))
    first, second = (_values(groups, pooled) for groups in sides)
    low, high = _interval(fmean(second) - fmean(first), [first, second])
    count, seeds = min(len(first), len(second)), min(map(len, sides))
    means, unit, enough = (fmean(first), fmean(second)), _unit(pooled), _suffice(count, pooled)
    return Difference(means[0], means[1], low, high, unit, False, count, seeds, enough)


def _values(groups: Groups, pooled: bool) -> list[float]:
    """Return what counts as one value: each task, or the mean of each seed."""
    return [value for group in groups for value in group] if pooled else [*map(fmean, groups)]


def _unit(pooled: bool) -> Literal["tasks", "seeds"]:
    return "tasks" if pooled else "seeds"


def _suffice(count: int, pooled: bool) -> bool:
    return count >= (MIN_TASKS if pooled else MIN_SEEDS)


def _are_alike(groups: Groups) -> bool:
    """Tell whether seeds differ by no more than the tasks within them explain."""
    if len(groups) == 1:
        return len(groups[0]) > 1  # a trial with one value has no tasks to speak of
    freedom = sum(map(len, groups)) - len(groups)
    if freedom == 0:
        return False
    mean = fmean(_values(groups, pooled=True))
    between = sum(len(group) * (fmean(group) - mean) ** 2 for group in groups) / (len(groups) - 1)
    within = sum((len(group) - 1) * variance(group) for group in groups if len(group) > 1) / freedom
    if within == 0:
        return between == 0
    return bool(special.fdtrc(len(groups) - 1, freedom, between / within) > POOL_ABOVE)


def _interval(mean: float, samples: Groups) -> tuple[float | None, float | None]:
    """Return the 95 % interval of a mean, or of a difference of two means."""
    if any(len(values) < 2 for values in samples):
        return None, None
    errors = [variance(values) / len(values) for values in samples]
    if sum(errors) == 0:
        return mean, mean
    # Welch and Satterthwaite; for one sample it is the usual n - 1.
    scale = sum(error**2 / (len(values) - 1) for error, values in zip(errors, samples, strict=True))
    half = float(special.stdtrit(sum(errors) ** 2 / scale, 0.975)) * sqrt(sum(errors))
    return mean - half, mean + half
