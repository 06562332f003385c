"""The comparison of two sides, with a verdict for each metric of each row, also as JSON."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from harness.comparison.comparing import Comparison, Threshold, compare_pair, is_failed
from harness.comparison.pairs import Allowance, Pair, align, check_comparable
from harness.errors import UsageError
from harness.results.results import Results
from harness.results.rows import Row

__all__ = ["ComparedRow", "ResultsComparison", "compare"]


BETTER = {True: "more", False: "less", None: None}


@dataclass(frozen=True)
class ComparedRow:
    """A pair with the comparison of each of its metrics.

    Attributes:
        failed: metrics in which B is worse than tolerated; `trials`, if more trials of B failed.
        remarks: which allowed differences there are, and what went wrong, in words.
    """

    pair: Pair
    comparisons: tuple[Comparison, ...]
    failed: tuple[str, ...]
    remarks: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        a, b = self.pair.a, self.pair.b
        return {
            "method": b.method,
            "dataset": b.dataset,
            "setting": b.setting,
            **({"conditions": b.conditions} if b.conditions else {}),
            "device": b.device,
            "mode": {"a": a.mode, "b": b.mode},
            "differs": dict(self.pair.differs),
            "remarks": list(self.remarks),
            "failed": list(self.failed),
            "metrics": {each.metric.short: _metric_json(each) for each in self.comparisons},
        }


@dataclass(frozen=True)
class ResultsComparison:
    """All compared rows, and the rows that only one side has."""

    rows: tuple[ComparedRow, ...]
    only_a: tuple[Row, ...]
    only_b: tuple[Row, ...]

    @property
    def has_failed(self) -> bool:
        """Whether any row has failed."""
        return any(row.failed for row in self.rows)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "rows": [row.to_json() for row in self.rows],
            "only_in_a": list(map(str, self.only_a)),
            "only_in_b": list(map(str, self.only_b)),
            "has_failed": self.has_failed,
        }


def compare(
    a: Results,
    b: Results,
    *,
    allowed: Collection[Allowance] = (),
    thresholds: Mapping[str, Threshold] | None = None,
) -> ResultsComparison:
    """Compare B with A.

    Args:
        a: the reference, such as results before a change.
        b: the results to judge.
        allowed: what rows may differ in.
        thresholds: how much worse B may be; None: any amount.

    Raises:
        UsageError: they have no row in common, or rows differ in what was not allowed.
    """
    aligned = align(a.final_rows, b.final_rows)
    if not aligned.pairs:
        raise UsageError(
            "A and B have nothing in common: no row of the same method, data set, setting and "
            "device, or several of each that differ in budget or mode"
        )
    check_comparable(aligned.pairs, allowed)
    rows = tuple(_row(pair, thresholds) for pair in aligned.pairs)
    return ResultsComparison(rows, aligned.only_a, aligned.only_b)


def _row(pair: Pair, thresholds: Mapping[str, Threshold] | None) -> ComparedRow:
    comparisons = tuple(compare_pair(pair))
    failed: list[str] = []
    if thresholds is not None:
        failed = [each.metric.short for each in comparisons if is_failed(each, thresholds)]
        failed += ["trials"] if pair.b.failed > pair.a.failed else []
    return ComparedRow(pair, comparisons, tuple(failed), tuple(_remarks(pair, comparisons)))


def _remarks(pair: Pair, comparisons: tuple[Comparison, ...]) -> list[str]:
    a, b = pair.a, pair.b
    told = list(pair.differs.values())
    if a.version and b.version and a.version != b.version:
        told.append(f"{b.method} is version {a.version} in A and {b.version} in B")
    elif _sources(a) and _sources(b) and _sources(a) != _sources(b):
        told.append(f"{b.method} comes from different sources in A and B, under the same version")
    for name, side in (("A", a), ("B", b)):
        told += [f"{name}: {said}" for said in (*side.faults, *side.left_out)]
    told += [
        f"{each.metric.short} was not compared: {each.why}" for each in comparisons if each.why
    ]
    return told


def _sources(row: Row) -> set[str]:
    return {record.code["method"] for record in row.records if "method" in record.code}


def _metric_json(comparison: Comparison) -> dict[str, Any]:
    metric = comparison.metric
    return {
        "unit": metric.unit,
        "better_is": BETTER[metric.more_is_better],
        "a": {"value": comparison.a, "source": comparison.source_a, "fits": comparison.fits_a},
        "b": {"value": comparison.b, "source": comparison.source_b, "fits": comparison.fits_b},
        "difference": comparison.difference,
        "relative": comparison.relative,
        "interval": {"low": comparison.low, "high": comparison.high, "over": comparison.over},
        "basis": comparison.basis,
        "verdict": comparison.verdict,
        "why": comparison.why or None,
    }
