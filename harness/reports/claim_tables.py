"""The ledger of claims as a table: published beside ours, and the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from harness.claims.checking import claims_told_by
from harness.claims.evidence import VERDICTS
from harness.claims.ledger import JudgedClaim, NamedClaim
from harness.plugins.loading import Plugins
from harness.reports.cells import legend, mark_of
from harness.reports.table import MISSING, Column, Remarks, Table, TableCell, shown_number
from harness.results.results import Results

__all__ = ["claims_table", "facts_of", "ledger_tables", "ledgers_of"]

NUMBER = Column("ours", "ours", kind="number", figures=2, has_marks=True)
PUBLISHED = Column("published", "published", kind="number", digits=None)


def claims_table(claims: Sequence[NamedClaim]) -> Table:
    """Return the table of claims, without verdicts."""
    return Table(
        key="claims",
        title="",
        caption=("harness claim METHOD checks the claims about a method.",),
        columns=(
            Column("method", "method"),
            Column("claim", "claim"),
            Column("statement", "says", kind="prose"),
        ),
        rows=tuple(
            (
                TableCell(each.claim.method),
                TableCell(each.name),
                TableCell(each.claim.statement),
            )
            for each in claims
        ),
    )


def ledger_tables(judged: Sequence[JudgedClaim], *, brief: bool = False) -> list[Table]:
    """Return the ledger of each method, with the reason of each verdict below.

    Args:
        judged: the claims of any methods.
        brief: whether it is for a terminal, with fewer columns.
    """
    methods = dict.fromkeys(each.named.claim.method for each in judged)
    return [
        _ledger(method, [each for each in judged if each.named.claim.method == method], brief=brief)
        for method in methods
    ]


def ledgers_of(
    plugins: Plugins, results: Results, folders: Sequence[Path], complain: Callable[[str], None]
) -> list[Table]:
    """Return the ledger of each method in results, with the claims that the results bear on."""
    return ledger_tables(claims_told_by(plugins, results, folders, complain))


def _ledger(method: str, judged: Sequence[JudgedClaim], *, brief: bool) -> Table:
    remarks = Remarks()
    rows = tuple(tuple(_cells(each, remarks, brief=brief)) for each in judged)
    counts = Counter(each.verdict for each in judged)
    told = "; ".join(f"{verdict}: {counts[verdict]}" for verdict in VERDICTS if counts[verdict])
    named = f"Claims about {method}, by verdict: {told}."
    return Table(
        key=f"claims-{method}",
        title="" if brief else f"Claims about {method}",
        caption=(
            named,
            f"One of them in full, with its verdict: harness claim {method} NAME.",
            *legend(rows),
        ),
        columns=tuple(_columns(brief=brief)),
        rows=rows,
        notes=remarks.notes,
    )


def _columns(*, brief: bool) -> Iterator[Column]:
    yield Column("claim", "claim")
    if brief:
        yield Column("published", "published")
    else:
        yield from (Column("relation", "is"), PUBLISHED, Column("unit", "unit"))
    yield from (NUMBER, Column("interval", "range or 95 %", kind="words"))
    if not brief:
        yield from (Column("mode", "mode"), Column("of", "of"), Column("budget", "budget"))
    yield from (Column("verdict", "verdict"), Column("notes", "notes", kind="notes"))


def _cells(judged: JudgedClaim, remarks: Remarks, *, brief: bool) -> Iterator[TableCell]:
    finding, published = judged.finding, judged.named.claim.published
    yield TableCell(judged.named.name)
    if brief:
        yield TableCell(_published(judged.named))
    else:
        yield from map(TableCell, (published.relation, published.value, published.unit))
    mark = "" if finding.value is None else mark_of(finding.mode)
    yield TableCell(finding.value, mark=mark)
    yield TableCell(_interval(judged))
    if not brief:
        yield from map(TableCell, (finding.mode or "", finding.setting, finding.budget))
    yield TableCell(judged.verdict)
    yield remarks.cell([judged.reason, *judged.named.claim.remarks])


def _published(named: NamedClaim) -> str:
    """Write a published value as a claim has it: `at least 16.97 times`."""
    published = named.claim.published
    return f"{published.relation} {shown_number(published.value, PUBLISHED)} {published.unit}"


def facts_of(judged: JudgedClaim) -> Iterator[tuple[str, str]]:
    """Yield all facts about one claim, each with its name."""
    claim, finding = judged.named.claim, judged.finding
    published = claim.published
    yield "source", f"{claim.source}, {claim.where}"
    yield "quantity", claim.quantity
    tolerance = f"{published.tolerance:g} {published.unit}"
    yield "published", f"{_published(judged.named)}, within {tolerance}; {published.counted}"
    if finding.value is not None:
        between = "" if _interval(judged) == MISSING else f", {_interval(judged)}"
        yield "ours", f"{shown_number(finding.value, NUMBER)} {published.unit}{between}"
        yield "mode", finding.mode or ""
        yield "of", ", ".join(filter(None, (finding.setting, finding.budget)))
    yield "reason", judged.reason
    yield from (("remark", text) for text in claim.remarks)
    yield from (("record", folder) for folder in finding.records)
    yield "again", judged.command


def _interval(judged: JudgedClaim) -> str:
    """Write the interval of our number; a dash if there is none, or it is a single number."""
    low, high = judged.finding.low, judged.finding.high
    if low is None or high is None or low == high:
        return MISSING
    plain = replace(NUMBER, has_marks=False)
    return f"{shown_number(low, plain)} to {shown_number(high, plain)}"
