"""The ledger: all claims about a method, each with a verdict and our number beside it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from harness.claims.claim import CHECKS, Claim, FitCheck, RatioCheck
from harness.claims.evidence import ClaimVerdict, Evidence, Finding, judge, reason_of
from harness.claims.findings import find
from harness.contracts import DataRequest
from harness.errors import HarnessError, PluginError, UnknownNameError, UsageError
from harness.estimates.cache import EstimateCache
from harness.estimates.estimates import Estimate, estimate_all, plan_searches
from harness.experiment.suite import SuiteEntry
from harness.fields import explain
from harness.plugins.loading import Plugins
from harness.plugins.registry import Entry
from harness.plugins.targets import file_path
from harness.results.costs import row_of
from harness.results.rows import rows_of_estimate
from harness.system.text import NotTextError, read_toml
from harness.tracing.search import Search

__all__ = [
    "JudgedClaim",
    "NamedClaim",
    "add_estimates",
    "claims_of",
    "claims_of_plugins",
    "judge_claims",
    "read_claim",
]

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class NamedClaim:
    """A claim with its name, which does not include the method's name."""

    name: str
    claim: Claim


def claims_of(plugins: Plugins, method: str, name: str | None = None) -> list[NamedClaim]:
    """Return the claims about a method, in the order in which they are registered, or one of them.

    Args:
        plugins: where claims are registered.
        method: its name.
        name: one claim, with or without the method's name before it; None: all of them.

    Raises:
        UsageError: there is no claim about the method, or none of this name.
        PluginError: a file is missing or wrong; the message names it and the key.
    """
    known = {each.name: each for each in claims_of_plugins(plugins, {method})}
    if not known:
        methods = {each.claim.method for each in claims_of_plugins(plugins)}
        raise UnknownNameError("method", method, methods, " about which anything is claimed")
    if name is None:
        return list(known.values())
    short = name.removeprefix(f"{method}-") if name not in known else name
    if short not in known:
        raise UnknownNameError("claim", name, known, f" about {method}")
    return [known[short]]


def claims_of_plugins(
    plugins: Plugins,
    methods: Collection[str] | None = None,
    complain: Callable[[str], None] | None = None,
) -> list[NamedClaim]:
    """Return the claims of all plugins, or those about some methods, in the order of registration.

    Args:
        plugins: where claims are registered.
        methods: their names; None: all.
        complain: is told of a claim that cannot be used, which is then left out; None: it is an
            error.

    Raises:
        HarnessError: a file is missing or wrong; the message names it and the key.
    """
    found = []
    beginnings = ("",) if methods is None else tuple(f"{each}-" for each in methods)
    for source in plugins.sources:
        for entry in plugins.registry.registered_by(source):
            if entry.kind == "claim" and entry.name.startswith(beginnings):
                try:
                    found.append(_named(plugins, entry))
                except HarnessError as error:
                    if complain is None:
                        raise
                    complain(str(error))
    return [each for each in found if methods is None or each.claim.method in methods]


def _named(plugins: Plugins, entry: Entry) -> NamedClaim:
    claim = read_claim(file_path(plugins.registry.get("claim", entry.name)))
    if not entry.name.startswith(f"{claim.method}-"):
        raise PluginError(
            f"{entry.plugin}: {entry} is about the method '{claim.method}', so its name must begin "
            f"with '{claim.method}-'"
        )
    return NamedClaim(entry.name.removeprefix(f"{claim.method}-"), claim)


def read_claim(path: Path) -> Claim:
    """Read the file of a claim.

    Raises:
        UsageError: it cannot be read, is not TOML, or a key or value is wrong; the message names
            the file, the key, and what would be right.
    """
    try:
        _, table = read_toml(path)
    except NotTextError as error:
        raise UsageError(f"claim {path}: {error}") from None
    check = table.get("check")
    if isinstance(check, dict):
        _validate_check(path, check)
    return _validated(Claim, table, f"claim {path}")


def _validate_check(path: Path, check: dict[str, Any]) -> None:
    """Validate the check by the model of its kind, so that the message names the right keys."""
    kind = check.get("kind")
    if not isinstance(kind, str) or kind not in CHECKS:
        raise UnknownNameError("kind of check", str(kind), CHECKS, f" in claim {path}")
    _validated(CHECKS[kind], check, f"[check] of claim {path}")


def _validated(model: type[Model], values: dict[str, Any], where: str) -> Model:
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise UsageError(f"{where}: {explain(error, model)}") from None


@dataclass(frozen=True)
class JudgedClaim:
    """A claim, what we found, and the verdict.

    Attributes:
        command: what to type for the same verdict.
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
    """Add estimates for claims about memory, storage and time that no run has numbers for.

    Args:
        claims: what is to be judged.
        evidence: what there is; estimates are added to it.
        request: where data sets are that do not tell their form.
        done: is called with how many estimates are finished, how many there are, and the last one.
    """
    searches = _searches(claims, evidence, request)
    cache = EstimateCache(evidence.plugins, request.cache_root, request.report)
    for estimate in estimate_all(searches, done, cache=cache):
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
