"""The findings that a report begins with: a few sentences, made from comparisons.

They say how near the published numbers are, which method needs the least memory and whether its
accuracy differs, and between which methods no difference in accuracy is shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from weakref import WeakKeyDictionary

from harness.comparison.comparing import Comparison, compare_metric
from harness.comparison.pairs import Pair
from harness.comparison.paper import PaperComparison, PaperLine, compare_with
from harness.comparison.published import PublishedSuite
from harness.comparison.result import ResultsComparison
from harness.metrics import METRICS
from harness.results.results import Results
from harness.results.rows import Row

__all__ = [
    "against_controls",
    "findings_of",
    "findings_of_comparison",
    "findings_of_paper",
    "findings_of_rows",
]

MEMORY, ACCURACY = METRICS["peak_memory"], METRICS["accuracy"]
NEAR = 0.10  # of the published number
MOST_SETTINGS = 6  # whose accuracies are told one by one
MOST_METHODS = 8  # of a sentence


def findings_of(results: Results, published: Sequence[PublishedSuite]) -> list[str]:
    """Return the findings of everything that was run and estimated.

    Args:
        results: what was found.
        published: suites with numbers to set beside ours.
    """
    rows = results.rows
    suites = [suite for suite in published if suite.has_numbers]
    compared = [each for suite in suites for each in compare_with(suite, rows, results.stand_ins)]
    return [
        *dict.fromkeys(sentence for each in compared for sentence in findings_of_paper(each)),
        *findings_of_rows(rows),
    ]


def findings_of_paper(compared: PaperComparison) -> list[str]:
    """Say how near the published memory and fits are; no sentence if nothing was compared."""
    lines = [each for each in compared.lines if each.relative is not None]
    memory = [each for each in lines if each.metric.name == MEMORY.name]
    parts = []
    if memory:
        near = sum(abs(_relative(each)) <= NEAR for each in memory)
        parts.append(f"{near} of {len(memory)} memory values within {NEAR:.0%} of the paper")
        parts[0] = parts[0].replace("%", " %")
        parts += _outliers(memory)
    agree = [each.fit_agrees for each in compared.lines if each.fit_agrees is not None]
    if agree:
        parts.append(f"fits as published in {sum(agree)} of {len(agree)}")
    widths = {each["channels"] for each in compared.scaled if "channels" in each}
    if widths and parts:
        ours, theirs = min(widths)
        parts = [f"memory is not the paper's, since cells have C = {ours:g} instead of {theirs:g}"]
    return [f"{compared.suite.title}: {'; '.join(parts)}."] if parts else []


def _outliers(memory: Sequence[PaperLine]) -> Iterator[str]:
    """Name the methods that need more or less than published wherever they were compared."""
    methods: dict[str, list[float]] = {}
    for line in memory:
        methods.setdefault(line.place.method, []).append(_relative(line))
    for name, off in methods.items():
        if all(each < -NEAR for each in off):
            yield f"{name} needs {_percent(off)} less"
        elif all(each > NEAR for each in off):
            yield f"{name} needs {_percent(off)} more"


def _relative(line: PaperLine) -> float:
    return line.relative or 0.0


def _percent(relative: Sequence[float]) -> str:
    low, high = min(map(abs, relative)), max(map(abs, relative))
    return _range(100 * low, 100 * high, " %")


def findings_of_rows(rows: Sequence[Row]) -> Iterator[str]:
    """Say which method needs the least memory, and where no difference in accuracy is shown."""
    groups = [group for group in _groups(rows) if len(group) > 1]
    yield from _leanest(groups)
    told = [sentence for group in groups for sentence in _accuracies(group)]
    yield from told[:MOST_SETTINGS]
    if len(told) > MOST_SETTINGS:
        yield f"Accuracies of {len(told) - MOST_SETTINGS} more settings are in the table."


def against_controls(
    rows: Sequence[Row], controls: Collection[str]
) -> dict[int, dict[str, Comparison]]:
    """Compare the accuracy of each row with those of the controls under the same conditions.

    Args:
        rows: of any methods, controls among them.
        controls: names of the methods that show what a search is worth.

    Returns:
        Comparisons by the `id` of the row, then by the control's label. Rows of controls are left
        out, and so are rows without a control under the same conditions.
    """
    found: dict[int, dict[str, Comparison]] = {}
    for group in _groups(rows):
        told = [row for row in group if _name(row) in controls]
        for row in (row for row in group if _name(row) not in controls):
            compared = {each.method: _compared(each, row) for each in told}
            known = {name: each for name, each in compared.items() if each is not None}
            if known:
                found[id(row)] = known
    return found


def _name(row: Row) -> str:
    return row.method.partition("[")[0]


def _groups(rows: Iterable[Row]) -> list[list[Row]]:
    """Put rows together that differ in their method alone; an estimate has the same memory on all
    devices."""
    groups: dict[object, list[Row]] = {}
    for row in {_identity(row): row for row in rows}.values():
        key = (
            row.dataset, row.full_setting, _device(row), row.mode, row.posed, row.fingerprint,
            tuple(sorted(row.budget.items())),
        )  # fmt: skip
        groups.setdefault(key, []).append(row)
    return list(groups.values())


def _identity(row: Row) -> object:
    return (row.method, row.dataset, row.full_setting, _device(row)) if not row.records else id(row)


def _device(row: Row) -> str:
    return "" if row.mode == "predicted" else row.device


def _leanest(groups: Sequence[Sequence[Row]]) -> Iterator[str]:
    """Compare the method that needs the least memory most often with the one that needs most."""
    known = [[row for row in group if row.held(MEMORY.name)] for group in groups]
    ends = [(min(group, key=_memory), max(group, key=_memory)) for group in known if len(group) > 1]
    if not ends:
        return
    ((lean, heavy), count), *_ = Counter((a.method, b.method) for a, b in ends).most_common(1)
    pairs = [(a, b) for a, b in ends if (a.method, b.method) == (lean, heavy)]
    times = [_memory(b) / _memory(a) for a, b in pairs]
    where = "" if len(ends) == 1 else f" in {count} of {len(ends)} settings"
    factor = _range(min(times), max(times), " times")
    parts = [f"{lean} needs the least memory{where}, {factor} less than {heavy}"]
    verdicts = [each for a, b in pairs if (each := _compared(b, a)) is not None]
    parts += [_told_accuracy(verdicts[0])] if len(verdicts) == 1 else []
    if len(verdicts) > 1:
        counted = Counter(_words(each) for each in verdicts)
        told = ", ".join(f"{words} in {number}" for words, number in counted.items())
        parts.append(f"its accuracy: {told} of {len(verdicts)}")
    yield f"{'; '.join(parts)}."


def _memory(row: Row) -> float:
    return row.value(MEMORY.name) or 1e-9


def _compared(reference: Row, row: Row) -> Comparison | None:
    """Compare accuracies of two methods; None where one has none."""
    if not (reference.held(ACCURACY.name) and row.held(ACCURACY.name)):
        return None
    known = _known.setdefault(reference, WeakKeyDictionary())
    if row not in known:
        known[row] = compare_metric(ACCURACY, Pair(reference, row))
    return known[row]


_known: WeakKeyDictionary[Row, WeakKeyDictionary[Row, Comparison]] = WeakKeyDictionary()
"""Comparisons by their rows: tables and pictures say the same of them."""


def _words(compared: Comparison) -> str:
    return {"better": "higher", "worse": "lower"}.get(compared.verdict, compared.verdict)


def _told_accuracy(compared: Comparison) -> str:
    """Say how one accuracy differs, with the interval if a difference is shown."""
    over = f" ({compared.over})" if compared.over else ""
    if compared.verdict not in ("better", "worse") or compared.difference is None:
        shown = compared.verdict == "no difference shown"
        words = "no difference in accuracy shown" if shown else f"accuracy: {compared.verdict}"
        return f"{words}{over}"
    ends = sorted(abs(end) for end in (compared.low, compared.high) if end is not None)
    interval = f", 95 %: {' to '.join(f'{end:.1f}' for end in ends)}"
    off = f"{abs(compared.difference):.1f} points {_words(compared)}"
    return f"its accuracy is {off}{interval}{over}"


def _accuracies(group: Sequence[Row]) -> Iterator[str]:
    """Say which accuracy of a setting is highest, and which others are not shown to differ."""
    having = [row for row in group if row.held(ACCURACY.name)]
    if len(having) < 2:
        return
    best = max(having, key=lambda row: row.value(ACCURACY.name) or 0.0)
    verdicts = {
        row.method: each.verdict
        for row in having
        if row is not best and (each := _compared(best, row)) is not None
    }
    alike = [name for name, verdict in verdicts.items() if verdict == "no difference shown"]
    open_ = [name for name, verdict in verdicts.items() if verdict == "not enough to tell"]
    lower = [name for name, verdict in verdicts.items() if verdict == "worse"]
    parts = [
        *([f"no difference shown to {_named(alike)}"] if alike else []),
        *([f"lower: {_named(lower)}"] if lower else []),
        *([f"not enough to tell: {_named(open_)}"] if open_ else []),
    ]
    chance = f" (guessing: {best.chance:.3g} %)" if best.chance is not None else ""
    place = f"{best.dataset} {best.full_setting}, {best.device}"
    yield f"Accuracy on {place}{chance}: highest {best.method}; {'; '.join(parts)}."


def _named(names: Sequence[str]) -> str:
    more = len(names) - MOST_METHODS
    return ", ".join([*names[:MOST_METHODS], *([f"{more} more"] if more > 0 else [])])


def _range(low: float, high: float, unit: str) -> str:
    digits = 0 if low >= 10 else 1
    ends = [f"{end:,.{digits}f}" for end in (low, high)]
    return f"{' to '.join(dict.fromkeys(ends))}{unit}"


def findings_of_comparison(result: ResultsComparison) -> Iterator[str]:
    """Say for each metric in how many rows B is better, worse, or not shown to differ."""
    metrics = {each.metric.name: each.metric for row in result.rows for each in row.comparisons}
    for name, metric in metrics.items():
        every = [
            each for row in result.rows for each in row.comparisons if each.metric.name == name
        ]
        counted = Counter(each.verdict for each in every)
        told = ", ".join(f"{verdict} in {count}" for verdict, count in counted.most_common())
        yield f"{metric.title.capitalize()} of B: {told} of {len(every)} rows."
