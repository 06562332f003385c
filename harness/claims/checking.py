"""Checks the claims about a method by records and estimates, and runs trials that are missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path

from harness.claims.claim import DifferenceCheck, RatioCheck
from harness.claims.evidence import Evidence
from harness.claims.ledger import (
    JudgedClaim,
    NamedClaim,
    add_estimates,
    claims_of,
    claims_of_plugins,
    judge_claims,
)
from harness.contracts import DataRequest, DatasetProvider
from harness.errors import DataError, HarnessError, UsageError
from harness.estimates.estimates import Estimate
from harness.executors.base import ExecutorOptions
from harness.experiment.budget import parse_budget, used_keys
from harness.experiment.suite import SuiteEntry
from harness.planning.plan import ResolvedRequest
from harness.plugins.loading import Plugins
from harness.plugins.selection import select
from harness.results.load import load_results
from harness.results.results import Problem, Results
from harness.system.folders import user_cache
from harness.trials.record_writer import RunListener
from harness.trials.runner import RunRequest, RunResult, run_trials

__all__ = [
    "CheckedClaims",
    "ClaimRequest",
    "check_claims",
    "claims_told_by",
    "evidence_for",
    "run_missing",
]


REFERENCE = Path("results", "reference")
RUNS = Path("results", "claims")


@dataclass(frozen=True, kw_only=True)
class ClaimRequest:
    """Which claims to check, and by what.

    Attributes:
        method: the method that the claims are about.
        name: one claim; None: all claims about the method.
        folders: where records are; None: `results/reference` and the folder of `output`, as far as
            they exist.
        output: the folder to run missing trials in; None: `results/claims/METHOD`.
        data_root: folder that holds data sets.
        cache_root: folder of decoded images and checkpoints.
    """

    method: str
    name: str | None = None
    folders: Sequence[Path] | None = None
    output: Path | None = None
    data_root: Path | None = None
    cache_root: Path = field(default_factory=user_cache)

    @property
    def run_folder(self) -> Path:
        """Where missing trials are run to."""
        return self.output or RUNS / self.method

    @property
    def sources(self) -> list[Path]:
        """The folders that records are taken from."""
        if self.folders is None:
            return [folder for folder in (REFERENCE, self.run_folder) if folder.is_dir()]
        own = [self.output] if self.output is not None and self.output.is_dir() else []
        return list(dict.fromkeys([*self.folders, *own]))


@dataclass(frozen=True)
class CheckedClaims:
    """The judged claims, and files that could not be read."""

    judged: tuple[JudgedClaim, ...]
    problems: tuple[Problem, ...] = ()


Done = Callable[[int, int, Estimate], None]


def check_claims(plugins: Plugins, request: ClaimRequest, done: Done) -> CheckedClaims:
    """Return the verdict on each claim that is asked for.

    Args:
        plugins: where claims, methods and data sets are registered.
        request: which claims, and by what.
        done: is called with the number of each estimate, how many there are, and the estimate.

    Raises:
        HarnessError: there is no such claim or folder, or a claim's file is wrong.
    """
    claims = claims_of(plugins, request.method, request.name)
    evidence, problems = evidence_for(plugins, request)
    data = DataRequest(request.data_root, request.cache_root, lambda _: None)
    add_estimates(claims, evidence, data, done)
    return CheckedClaims(tuple(judge_claims(claims, evidence, request.sources)), problems)


def claims_told_by(
    plugins: Plugins, results: Results, folders: Sequence[Path], complain: Callable[[str], None]
) -> list[JudgedClaim]:
    """Return verdicts from results alone; claims that the results say nothing about are left out.

    Args:
        plugins: where claims are registered.
        results: what was found in `folders`.
        folders: where records are from.
        complain: is told of a claim that cannot be used.
    """
    methods = {row.method.partition("[")[0] for row in results.rows}
    claims = [each for each in claims_of_plugins(plugins, methods, complain) if each.claim.methods]
    judged = judge_claims(claims, Evidence.of(plugins, results), folders)
    return [each for each in judged if each.finding.value is not None]


def evidence_for(plugins: Plugins, request: ClaimRequest) -> tuple[Evidence, tuple[Problem, ...]]:
    """Return the evidence of records, and files that could not be read.

    Raises:
        UsageError: a folder that was named is not there or holds nothing.
    """
    folders = request.sources
    try:
        results = load_results(folders, plugins.metrics) if folders else None
    except UsageError:
        if request.folders is not None:
            raise
        results = None  # a folder that was not asked for, with nothing in it yet
    if results is None:
        return Evidence(plugins), ()
    return Evidence.of(plugins, results), results.problems


DEFAULT_BUDGET = "small"


@dataclass(frozen=True, kw_only=True)
class _ClaimRunRequest(RunRequest):
    """What to run: blocks of trials in the place of a suite."""

    entries: Sequence[SuiteEntry]

    def resolve(self, plugins: Plugins) -> ResolvedRequest:
        """Return the blocks as they are."""
        return ResolvedRequest(plugins, self, self.entries, {})


def run_missing(  # noqa: PLR0913 - what to run, how, and whom to tell
    plugins: Plugins,
    request: ClaimRequest,
    budget: str | None,
    executor: ExecutorOptions,
    *,
    progress: Callable[[int], AbstractContextManager[RunListener]],
    say: Callable[[str], None],
) -> RunResult | None:
    """Run the trials that claims need and that have no records; return None if there are none.

    Claims about memory and storage need no trials, since an estimate is enough. Data sets that are
    not at hand are passed over, and `say` reports that.

    Args:
        plugins: where names are looked up.
        request: the claims, the folders of existing records, and the run folder.
        budget: as people type it; records under other budgets then do not count. None: missing
            trials run at `small`, and records under any budget count.
        executor: where the trials run.
        progress: makes a context manager from the number of trials, which gives a listener.
        say: reports a sentence to the person.

    Raises:
        HarnessError: there is no such claim, or the run cannot go on; finished records stay.
    """
    entries = _missing(plugins, request, budget)
    data = DataRequest(request.data_root, request.cache_root, say)
    entries = [entry for entry in entries if _is_at_hand(plugins, entry, data)]
    if not entries:
        say("Nothing is missing that could be run here.")
        return None
    wanted = _ClaimRunRequest(
        entries=entries,
        output=request.run_folder,
        executor=executor,
        data_root=request.data_root,
        cache_root=request.cache_root,
    )
    return run_trials(plugins, wanted, progress, say)


def _missing(plugins: Plugins, request: ClaimRequest, budget: str | None) -> list[SuiteEntry]:
    """Return the blocks of missing trials; those of one setting are one block with all methods."""
    evidence, _ = evidence_for(plugins, request)
    blocks: dict[str, SuiteEntry] = {}
    for named in claims_of(plugins, request.method, request.name):
        if not _needs_trials(named) or _is_there(named, evidence, budget):
            continue
        *_, first = named.claim.settings[:2]  # what may stand for the published one, if anything
        entry = first.model_copy(update={"budget": budget or DEFAULT_BUDGET})
        key = entry.model_dump_json(exclude={"methods"})
        known = blocks[key].methods if key in blocks else None
        methods = list(dict.fromkeys([*(known or ()), *named.claim.methods]))
        blocks[key] = entry.model_copy(update={"methods": methods})
    return list(blocks.values())


def _needs_trials(named: NamedClaim) -> bool:
    check = named.claim.check
    is_time = isinstance(check, RatioCheck) and check.metric == "search_time"
    return is_time or isinstance(check, DifferenceCheck)


def _is_there(named: NamedClaim, evidence: Evidence, budget: str | None) -> bool:
    """Tell whether a claim has records, under the budget if one is named."""
    try:
        matches = evidence.matches(named.claim)
    except HarnessError:
        return True  # a method that no plugin here has cannot be run
    rows = [match.rows[0] for match in matches if not match.is_estimate]
    if isinstance(named.claim.check, RatioCheck):  # emulated times are predicted
        rows = [row for row in rows if row.mode == "measured"]
    if budget is None:
        return bool(rows)
    wanted = parse_budget(budget)
    return any(dict(row.budget) == used_keys(wanted, row.kind) for row in rows)


def _is_at_hand(plugins: Plugins, entry: SuiteEntry, request: DataRequest) -> bool:
    provider: DatasetProvider = select(plugins, "dataset", entry.datasets[0])[0].create()
    try:
        provider.prepare(request)
    except DataError as error:
        request.report(f"{entry.datasets[0]} is passed over: {error}")
        return False
    return True
