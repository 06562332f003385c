"""The ledger: every claim with its verdict, ours beside the published value, and how to see it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.claims.claim import FitCheck, RatioCheck
from harness.claims.evidence import ClaimVerdict, Evidence, Finding, judge, reason_of
from harness.claims.findings import find
from harness.claims.loading import NamedClaim
from harness.contracts import DataRequest
from harness.errors import HarnessError
from harness.estimates.cache import EstimateCache
from harness.estimates.estimates import Estimate, estimate_all
from harness.estimates.planning import plan_searches
from harness.experiment.suite import SuiteEntry
from harness.results.estimates import row_of
from harness.results.rows import rows_of_estimate
from harness.tracing.search import Search

__all__ = ["JudgedClaim", "add_estimates", "judge_claims"]


@dataclass(frozen=True)
class JudgedClaim:
    """A claim, what we found, and the verdict.

    Attributes:
        command: what comes to the same verdict again.
    """

    named: NamedClaim
    finding: Finding
    verdict: ClaimVerdict
    command: str

    @property
    def reason(self) -> str:
        """What the verdict rests on, in sentences."""
        return reason_of(self.finding)

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        claim, finding = self.named.claim, self.finding
        published = claim.published
        return {
            "name": self.named.name,
            "method": claim.method,
            "statement": claim.statement,
            "source": claim.source,
            "where": claim.where,
            "quantity": claim.quantity,
            "check": claim.check.kind,
            "published": published.model_dump(mode="json", exclude={"digits"}),
            "verdict": self.verdict,
            "ours": {
                **{key: getattr(finding, key) for key in ("value", "low", "high", "mode")},
                "unit": published.unit,
            },
            "setting": finding.setting or None,
            "budget": finding.budget or None,
            "differs": list(finding.differs),
            "records": list(finding.records),
            "reason": self.reason,
            "remarks": list(claim.remarks),
            "command": self.command,
        }


def judge_claims(
    claims: Sequence[NamedClaim], evidence: Evidence, folders: Sequence[Path] = ()
) -> list[JudgedClaim]:
    """Return the verdict on each claim.

    Args:
        claims: what to judge.
        evidence: what there is to judge them by, estimates included.
        folders: where its records are from; a verdict that rests on them names them.
    """
    return [_judged(each, find(each.claim, evidence), folders) for each in claims]


def _judged(named: NamedClaim, finding: Finding, folders: Sequence[Path]) -> JudgedClaim:
    words = ["harness", "claim", named.claim.method, named.name]
    used = [
        folder for folder in folders if any(Path(r).is_relative_to(folder) for r in finding.records)
    ]
    for folder in used:
        words += ["--from", str(folder)]
    verdict = judge(named.claim.published, finding)
    return JudgedClaim(named, finding, verdict, shlex.join(words))


def add_estimates(
    claims: Sequence[NamedClaim],
    evidence: Evidence,
    request: DataRequest,
    done: Callable[[int, int, Estimate], None],
) -> None:
    """Estimate what claims about memory, storage and time need and no run has told.

    Args:
        claims: what is to be judged.
        evidence: what there is; estimates are added to it.
        request: where data sets are that do not tell their form.
        done: is called with the number of each estimate, how many there are, and the estimate.
    """
    searches = _searches(claims, evidence, request)
    finished = 0

    def count(each: Estimate) -> None:
        nonlocal finished
        finished += 1
        done(finished, len(searches), each)

    cache = EstimateCache(evidence.plugins, request.cache_root, request.report)
    for estimate in estimate_all(searches, count, cache=cache):
        evidence.rows += rows_of_estimate(row_of(estimate))


def _searches(
    claims: Sequence[NamedClaim], evidence: Evidence, request: DataRequest
) -> list[Search]:
    wanted: list[SuiteEntry] = []
    for named in claims:
        claim = named.claim
        if claim.run is None or not isinstance(claim.check, RatioCheck | FitCheck):
            continue
        entry = claim.run.model_copy(update={"methods": list(claim.methods)})
        try:
            known = any(match.has_published_shape for match in evidence.matches(claim))
            if not known and plan_searches(evidence.plugins, [entry], request):
                wanted.append(entry)
        except HarnessError:  # the verdict says what is missing
            continue
    return plan_searches(evidence.plugins, wanted, request)
