"""Sentences below tables: what marks mean, what failed trials count as, what was scaled."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from harness.report.table import MISSING, SYMBOLS, Cell
from harness.results.record import Record
from harness.results.summary import FAILED, Missing

__all__ = ["estimate_legend", "failed_sentence", "legend", "scaled_sentence"]

WORDS = {
    "emulated": "emulated: computed on another machine, memory counted and held to the device's "
    "limit.",
    "predicted": "predicted by the device's cost model, or from shapes alone; not measured.",
    "unfit": "needs more memory than the device has.",
}
COUNTS_AS = {
    "omit": "are left out of the means",
    "chance": "count in accuracy as guessing among the classes (100 % / classes), and are left out "
    "of memory and time",
    "zero": "count in accuracy as 0 %, and are left out of memory and time",
}


def legend(rows: Iterable[Sequence[Cell]]) -> list[str]:
    """Explain the marks that occur in the rows."""
    cells = [cell for row in rows for cell in row]
    marks = {cell.mark for cell in cells}
    lines = [f"{SYMBOLS[mark]} {WORDS[mark]}" for mark in SYMBOLS if mark in marks]
    if any(cell.value is None and not cell.mark for cell in cells):
        lines.append(f"{MISSING} not known: not captured, not run, or not published.")
    return lines


def estimate_legend() -> str:
    """Say what an estimate is."""
    return "Estimated from shapes alone: nothing was run, and accuracy is not known."


def failed_sentence(records: Sequence[Record], missing: Missing) -> str:
    """Say how many trials failed and what they count as; the choice is told even if none did."""
    failed = [record for record in records if record.status in FAILED]
    sentence = f"Trials that failed or went over their budget {COUNTS_AS[missing]}: "
    if missing == "chance" and any(_is_uncounted(record) for record in failed):
        sentence = sentence[:-2] + " (full tasks whose records do not count classes are left out): "
    return f"{sentence}{len(failed)} of {len(records)} here."


def _is_uncounted(record: Record) -> bool:
    return record.dataset.ways is None and record.dataset.classes is None


def scaled_sentence(scaled: Iterable[Mapping[str, tuple[float, float]]]) -> str:
    """Say in what budgets differ from the published ones; each is told by key, ours and theirs."""
    values: dict[str, tuple[set[float], set[float]]] = {}
    for keys in scaled:
        for key, both in keys.items():
            for kept, value in zip(values.setdefault(key, (set(), set())), both, strict=True):
                kept.add(value)
    told = [f"{key} {_either(a)} (published {_either(b)})" for key, (a, b) in values.items()]
    return f"Scaled budget: {', '.join(told)}."


def _either(values: Iterable[float]) -> str:
    return " or ".join(f"{value:,g}" for value in sorted(values))
