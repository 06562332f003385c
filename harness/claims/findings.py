"""Finds our number for a claim: ratios, differences, what fits, and what is computed at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import exp, log
from typing import Any

from harness.claims.claim import (
    Claim,
    DifferenceCheck,
    FitCheck,
    GradientCheck,
    PublishedCheck,
    RatioCheck,
    StorageCheck,
)
from harness.claims.evidence import Evidence, Finding, Match, Mode
from harness.comparison.comparing import Comparison, compare_pair
from harness.comparison.pairs import Pair, paired, unpaired
from harness.errors import HarnessError
from harness.experiment.budget import budget_label
from harness.metrics import MIB
from harness.results.rows import Row, Samples, Value

__all__ = ["difference", "find", "fits", "ratio"]


def ratio(claim: Claim, check: RatioCheck, evidence: Evidence) -> Finding:
    """Divide what two methods need at the published shape; times may also be of scaled settings."""
    is_time = check.metric == "search_time"
    found: list[tuple[Match, Value, Value]] = []
    for match in evidence.matches(claim):
        above, below = (row.values.get(check.metric) for row in match.rows)
        if above and below and (is_time or match.has_published_shape):
            found.append((match, above, below))
    if not found:
        return _nothing(claim, evidence)
    # Measured times are preferred to predicted ones; of counts, the first match is the nearest.
    match, above, below = min(found, key=lambda each: is_time and each[1].source == "predicted")
    low, high = _ends_of_ratio(above, below)
    values = zip(match.rows, (above, below), strict=True)
    is_predicted_time = is_time and above.source == "predicted"
    return replace(
        _resting_on(match, evidence),
        value=above.value / below.value,
        low=low,
        high=high,
        mode=_mode(above),
        told=", ".join(f"{row.method} {_shown(value)}" for row, value in values),
        undecided=PREDICTED_TIME if is_predicted_time else "",
    )


PREDICTED_TIME = (
    "The times are predicted by a cost model, which was fitted to published times; only measured "
    "ones decide"
)


def _ends_of_ratio(above: Value, below: Value) -> tuple[float | None, float | None]:
    """Return the range of a ratio of ranges, or the 95 % interval of a ratio of samples."""
    if above.span is not None and below.span is not None:
        return above.span[0] / below.span[1], above.span[1] / below.span[0]
    if not (above.samples and below.samples):
        return None, None
    logarithms = [_logarithms(value.samples) for value in (below, above)]
    found = paired(*logarithms) or unpaired(*logarithms)
    if found is None or found.low is None or found.high is None or not found.enough:
        return None, None
    return exp(found.low), exp(found.high)


def _logarithms(samples: Samples) -> Samples:
    return {seed: {task: log(v) for task, v in tasks.items()} for seed, tasks in samples.items()}


def _shown(value: Value) -> str:
    digits, unit = value.metric.digits, value.metric.unit
    text = f"{value.value:,.{digits}f} {unit}"
    if value.span is None or value.span[0] == value.span[1]:
        return text
    return f"{text} ({value.span[0]:,.{digits}f} to {value.span[1]:,.{digits}f})"


def _mode(value: Value) -> Mode:
    """Return the mode of a number; bytes that were measured are called counted."""
    return "counted" if value.metric.is_counted and value.source == "measured" else value.source


def difference(claim: Claim, check: DifferenceCheck, evidence: Evidence) -> Finding:
    """Take the difference between trials, paired by task where both have the same tasks."""
    of_metric = _of_accuracy if check.metric == "accuracy" else _of_loss
    for match in evidence.matches(claim):
        found = None if match.is_estimate else of_metric(match, claim)
        if found is not None:
            basis = _resting_on(match, evidence)
            return replace(
                found,
                mode=match.rows[0].mode,
                setting=basis.setting,
                budget=basis.budget,
                records=basis.records,
                differs=basis.differs,
            )
    return _nothing(claim, evidence)


def _of_accuracy(match: Match, claim: Claim) -> Finding | None:
    """Compare accuracies, transductive ones if those were published."""
    ours, other = match.rows
    compared = {each.metric.name: each for each in compare_pair(Pair(other, ours))}
    together = claim.settings[0].evaluation == "transductive"
    for name in ("transductive_accuracy", "accuracy") if together else ("accuracy",):
        found = compared.get(name)
        if found is not None and found.difference is not None:
            enough = found.verdict != "not enough to tell"
            return Finding(
                found.difference,
                found.low,
                found.high,
                told=_told_of_accuracy(found, match, claim.published.tolerance),
                undecided="" if enough else "There are too few tasks and seeds for an interval",
            )
    return None


def _told_of_accuracy(found: Comparison, match: Match, margin: float) -> str:
    ours, other = match.rows
    told = (
        f"{found.metric.title} of {ours.method} {found.b:.2f} %, of {other.method} {found.a:.2f} %"
    )
    if found.low is None or found.high is None or found.verdict == "not enough to tell":
        return told
    over = ", ".join(filter(None, (found.basis, found.over)))
    return f"{told} ({over}): it is {_superiority(found.low, found.high, margin)}"


def _superiority(low: float, high: float, margin: float) -> str:
    """Say what the interval of a difference shows if `margin` points are tolerated."""
    if low > 0:
        return "shown to be better"
    if high < -margin:
        return f"shown to be worse by more than {margin:g} points"
    if low > -margin:
        return f"shown not to be worse by more than {margin:g} points"
    return "shown to be worse" if high < 0 else "not shown to be better or worse"


def _of_loss(match: Match, _: Claim) -> Finding | None:
    """Compare the lowest losses on the way of pretraining, in pairs of seeds."""
    ours, other = map(_lowest_losses, match.rows)
    found = paired(other, ours) if ours and other else None
    if found is None:
        return None
    means = zip(match.rows, (found.b, found.a), strict=True)
    told = ", ".join(f"{row.method} {mean:.3f} nats" for row, mean in means)
    undecided = "" if found.enough else "There are fewer than three seeds"
    return Finding(found.b - found.a, found.low, found.high, told=told, undecided=undecided)


def _lowest_losses(row: Row) -> Samples:
    """Return for each seed the lowest loss of its pretraining, in nats."""
    curves = {each.seed: each.pretraining.curve for each in row.records if each.pretraining}
    return {seed: {0: min(p.loss for p in curve)} for seed, curve in curves.items() if curve}


def fits(claim: Claim, check: FitCheck, evidence: Evidence) -> Finding:
    """Count the methods that the device holds, or does not hold, as published."""
    match = next((each for each in evidence.matches(claim) if each.has_published_shape), None)
    if match is None:
        return _nothing(claim, evidence)
    held = dict(zip(check.methods, map(_is_held, match.rows), strict=True))
    agree = sum(held[method] is (method in check.fits) for method in check.methods)
    unknown = sum(each is None for each in held.values())
    limit = match.rows[0].limit_mib
    return replace(
        _resting_on(match, evidence),
        value=float(agree),
        low=float(agree),
        high=float(agree + unknown),
        mode=match.rows[0].mode,
        told="; ".join(
            f"{method} {_told_fit(row, fits)}"
            for row, (method, fits) in zip(match.rows, held.items(), strict=True)
        )
        + ("" if limit is None else f", of {limit:,.0f} MiB"),
    )


def _told_fit(row: Row, fits: bool | None) -> str:
    if fits is None:
        chooses = row.mode == "predicted" and "peak_memory" in row.values
        return "fits or not, as it chooses" if chooses else "fits or not: no trial has shown it"
    return "fits" if fits else "does not fit"


def _is_held(row: Row) -> bool | None:
    """Tell whether a device holds a row; None if the method's choices decide, or no trial shows."""
    value = row.values.get("peak_memory")
    if row.mode != "predicted" or value is None or value.span is None or row.limit_mib is None:
        return row.fits
    low, high = value.span
    return None if low <= row.limit_mib < high else high <= row.limit_mib


def _resting_on(match: Match, evidence: Evidence) -> Finding:
    """Return a finding without a value yet, with its setting and what it rests on."""
    row = match.rows[0]
    width = row.budget.get("channels")
    budget = "" if width is None else f"C = {width:g}"
    if row.records:
        budget = budget_label(row.records[0].budget.allowed, row.kind)
    return Finding(
        setting=f"{row.dataset} {row.full_setting}, {row.device}",
        budget=budget,
        records=evidence.records_of(match),
        differs=match.differs,
    )


def _nothing(claim: Claim, evidence: Evidence) -> Finding:
    """Return a finding that nothing was run, or only by another procedure."""
    outdated = sorted(evidence.outdated & set(claim.methods))
    if outdated:
        names = " and ".join(outdated)
        return Finding(undecided=f"What was run of {names} had other parameters than it has now")
    return Finding(undecided="Nothing of it has been run")


def find(claim: Claim, evidence: Evidence) -> Finding:
    """Return our finding for a claim; a check that needs no run is computed here."""
    try:
        return _FINDERS[type(claim.check)](claim, claim.check, evidence)
    except HarnessError as error:  # a method or data set that no plugin here has
        return Finding(unknowable=str(error))


def _gradients(_: Claim, check: GradientCheck, __: Evidence) -> Finding:
    from harness.claims.computed import largest_error  # noqa: PLC0415 - imports torch, for this alone

    error = largest_error(check.engine, check.phase_forward, check.micro_batches)
    return Finding(
        error,
        error,
        error,
        "measured",
        "a small supernet in double precision, on this machine",
        told=f"the largest relative difference of any gradient of α, β and w is {error:.1e}",
    )


def _storage_of_cells(_: Claim, check: StorageCheck, __: Evidence) -> Finding:
    from harness.claims.computed import cell_bytes  # noqa: PLC0415 - imports torch, as above

    one = cell_bytes(check.nodes, check.channels) / MIB
    return Finding(
        one,
        one,
        one,
        "counted",
        f"cells of {check.nodes} nodes, C = {check.channels}, from shapes alone",
        told=f"{check.cells} cells store {check.cells * one:,.0f} MiB, one of them {one:,.1f} MiB",
    )


def _not_checkable(_: Claim, check: PublishedCheck, __: Evidence) -> Finding:
    return Finding(unknowable=check.reason)


_FINDERS: Mapping[type, Callable[[Claim, Any, Evidence], Finding]] = {
    RatioCheck: ratio,
    DifferenceCheck: difference,
    FitCheck: fits,
    GradientCheck: _gradients,
    StorageCheck: _storage_of_cells,
    PublishedCheck: _not_checkable,
}
