"""Verdicts follow from intervals alone, and turn where the expected value is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from harness.claims.claim import Claim, PublishedValue
from harness.claims.evidence import ClaimVerdict, Evidence, Finding, judge
from harness.claims.findings import find
from harness.results.record import Record

MakeClaim = Callable[..., Claim]
MakeRecord = Callable[..., Record]
MakeEvidence = Callable[[Sequence[Record]], Evidence]

MEMORY = {"kind": "ratio", "metric": "peak_memory", "of": "darts", "to": "metanas"}
TIME = {"kind": "ratio", "metric": "search_time", "of": "darts", "to": "metanas"}
ACCURACY = {"kind": "difference", "metric": "accuracy", "of": "metanas", "to": "darts"}
LOSS = {"kind": "difference", "metric": "validation_loss", "of": "metanas", "to": "darts"}
FITS = {"kind": "fits", "fits": ["metanas"], "unfit": ["darts"]}


def verdict_of(claim: Claim, evidence: Evidence) -> ClaimVerdict:
    return judge(claim.published, find(claim, evidence))


@pytest.mark.parametrize(
    ("relation", "low", "high", "verdict"),
    [
        ("at least", 9.0, 20.0, "holds"),  # a tolerance of 1 below 10
        ("at least", 8.9, 20.0, "not shown either way"),
        ("at least", 5.0, 8.9, "does not hold"),
        ("at most", 2.0, 11.0, "holds"),
        ("at most", 11.1, 12.0, "does not hold"),
        ("about", 9.0, 11.0, "holds"),
        ("about", 9.5, 11.5, "not shown either way"),
        ("about", 11.5, 12.0, "does not hold"),
        ("about", None, None, "not shown either way"),
    ],
)
def test_a_verdict_is_where_the_interval_lies(
    relation: str, low: float | None, high: float | None, verdict: str
) -> None:
    """All of it within what is accepted: holds; none of it: does not; else it is not shown."""
    told = {"value": 10, "unit": "x", "tolerance": 1, "counted": "", "relation": relation}
    published = PublishedValue.model_validate(told)
    assert judge(published, Finding(10.0, low, high)) == verdict
    assert judge(published, Finding(10.0, low, high, undecided="why")) == "not shown either way"
    assert judge(published, Finding(unknowable="why")) == "not checkable here"


@pytest.mark.parametrize(("value", "verdict"), [(2.0, "holds"), (2.1, "does not hold")])
def test_memory_is_exact(
    value: float, verdict: str, make_claim: MakeClaim, make_record: MakeRecord,
    evidence: MakeEvidence,
) -> None:  # fmt: skip
    """Counted memory decides by the ratio alone, and rests on the records that it is from."""
    found = evidence([make_record("darts", memory=20.0), make_record("metanas", memory=10.0)])
    claim = make_claim(MEMORY, value)
    assert verdict_of(claim, found) == verdict
    finding = find(claim, found)
    assert finding.records == ("darts-emulated-5-inductive-0", "metanas-emulated-5-inductive-0")
    assert (finding.mode, finding.budget, finding.differs) == ("emulated", "small", ())


def test_memory_counts_at_the_published_shape_alone(
    make_claim: MakeClaim, make_record: MakeRecord, evidence: MakeEvidence
) -> None:
    """What was counted with other channels says nothing of a claim about memory."""
    found = evidence([make_record("darts", memory=20.0), make_record("metanas", memory=10.0)])
    run = {"datasets": ["omniglot"], "devices": ["jetson"], "shots": 5, "budget": "paper"}
    assert verdict_of(make_claim(MEMORY, 2.0, run=run), found) == "not shown either way"


@pytest.mark.parametrize(("value", "verdict"), [(5.0, "holds"), (20.0, "does not hold")])
def test_accuracy_is_paired_by_task(
    value: float, verdict: str, make_claim: MakeClaim, make_record: MakeRecord,
    evidence: MakeEvidence,
) -> None:  # fmt: skip
    """A difference of about ten points that every task shows decides in both directions."""
    worse = [50.0 + 3 * n for n in range(12)]
    better = [each + 10 + (n % 3) for n, each in enumerate(worse)]
    records = [
        make_record(label, values, seed)
        for label, values in (("metanas", better), ("darts", worse))
        for seed in range(3)
    ]
    claim = make_claim(ACCURACY, value, tolerance=2.0)
    assert verdict_of(claim, evidence(records)) == verdict
    assert "paired, 36 tasks of 3 seeds" in find(claim, evidence(records)).told


def test_scatter_shows_nothing(
    make_claim: MakeClaim, make_record: MakeRecord, evidence: MakeEvidence
) -> None:
    """Where tasks scatter by far more than the tolerance, nothing is shown."""
    scattered = [0.0, 100.0] * 6
    records = [make_record("metanas", scattered), make_record("darts", scattered[::-1])]
    claim = make_claim(ACCURACY, 0.0, tolerance=2.0)
    assert verdict_of(claim, evidence(records)) == "not shown either way"
    assert "not shown to be better or worse" in find(claim, evidence(records)).told


def test_another_scale_is_told(
    make_claim: MakeClaim, make_record: MakeRecord, evidence: MakeEvidence
) -> None:
    """What a claim lets stand for the published setting decides, and the verdict says so."""
    run = {"datasets": ["omniglot"], "devices": ["jetson"], "ways": 20, "shots": 5,
           "evaluation": "transductive", "budget": "paper"}  # fmt: skip
    claim = make_claim(ACCURACY, 0.0, tolerance=1.0, run=run, scaled=[{"ways": 5}])
    records = [make_record("metanas", [60.0] * 12), make_record("darts")]
    finding = find(claim, evidence(records))
    assert finding.value == 10.0
    assert finding.differs[:2] == ("5-way 5-shot (20-way 5-shot)", "default (transductive)")
    assert "channels 8 (28)" in finding.differs
    published = [make_record(r, [70.0] * 12, ways=20) for r in ("metanas", "darts")]
    assert find(claim, evidence([*records, *published])).value == 0.0


@pytest.mark.parametrize(("value", "verdict"), [(1.9, "holds"), (3.0, "does not hold")])
def test_measured_time_decides(
    value: float, verdict: str, make_claim: MakeClaim, make_record: MakeRecord,
    evidence: MakeEvidence,
) -> None:  # fmt: skip
    """The ratio of measured times has the interval of its logarithm over tasks."""
    short = [1.0 + 0.01 * n for n in range(12)]
    records = [
        make_record("metanas", mode="measured", seconds=short),
        make_record("darts", mode="measured", seconds=[2.0 * each + 0.01 for each in short]),
    ]
    assert verdict_of(make_claim(TIME, value), evidence(records)) == verdict


def test_predicted_time_decides_nothing(
    make_claim: MakeClaim, make_record: MakeRecord, evidence: MakeEvidence
) -> None:
    """A cost model that was fitted to published times is no evidence for them."""
    finding = find(make_claim(TIME, 0.1), evidence([make_record("metanas"), make_record("darts")]))
    assert finding.value == 1.0
    assert finding.mode == "predicted"
    assert judge(make_claim(TIME, 0.1).published, finding) == "not shown either way"


@pytest.mark.parametrize(("value", "verdict"), [(-0.2, "holds"), (-0.9, "does not hold")])
def test_losses_are_paired_by_seed(
    value: float, verdict: str, make_claim: MakeClaim, make_record: MakeRecord,
    evidence: MakeEvidence,
) -> None:  # fmt: skip
    """The lowest loss of each curve counts, and three seeds make an interval."""
    records = [
        make_record(label, seed=seed, losses=[9.0, start + 0.01 * seed, 8.0])
        for label, start in (("metanas", 1.0), ("darts", 1.3))
        for seed in range(3)
    ]
    claim = make_claim(LOSS, value, relation="at most", tolerance=0.05)
    assert verdict_of(claim, evidence(records)) == verdict


def test_what_fits_is_counted(
    make_claim: MakeClaim, make_record: MakeRecord, evidence: MakeEvidence
) -> None:
    """The verdict turns where a method is said to fit that does not."""
    found = evidence([make_record("metanas"), make_record("darts", status="out_of_memory")])
    assert verdict_of(make_claim(FITS, 2, relation="about"), found) == "holds"
    swapped = {"kind": "fits", "fits": ["darts"], "unfit": ["metanas"]}
    assert verdict_of(make_claim(swapped, 2, relation="about"), found) == "does not hold"


def test_what_crashed_is_no_evidence_that_it_fits(
    make_claim: MakeClaim, make_record: MakeRecord, evidence: MakeEvidence
) -> None:
    """The count could be either, and the finding says that no trial has shown it."""
    found = evidence([make_record("metanas", status="error"), make_record("darts")])
    claim = make_claim(FITS, 1, relation="about")
    assert verdict_of(claim, found) == "not shown either way"
    told = "metanas fits or not: no trial has shown it; darts fits, of 640 MiB"
    assert find(claim, found).told == told


def test_what_another_device_holds_says_nothing(
    make_claim: MakeClaim, make_record: MakeRecord, evidence: MakeEvidence
) -> None:
    """A claim about a device is judged by that device alone."""
    found = evidence([make_record("metanas"), make_record("darts", status="out_of_memory")])
    run = {"datasets": ["omniglot"], "devices": ["rtx3090"], "shots": 5, "budget": "small"}
    claim = make_claim(FITS, 2, relation="about", run=run)
    assert verdict_of(claim, found) == "not shown either way"


def test_records_of_other_parameters_are_left_out(
    make_claim: MakeClaim, make_record: MakeRecord, evidence: MakeEvidence
) -> None:
    """What a label meant in an earlier version is no evidence for what it means now."""
    old = make_record("metanas", params={"drop_path": 0.9})
    finding = find(make_claim(ACCURACY, 0.0), evidence([old, make_record("darts")]))
    assert finding.value is None
    assert finding.undecided == "What was run of metanas had other parameters than it has now"


def test_a_reason_is_of_one_claim_alone(
    make_claim: MakeClaim, make_record: MakeRecord, evidence: MakeEvidence
) -> None:
    """What another claim's setting has of earlier versions is no reason here."""
    found = evidence([make_record("metanas", params={"drop_path": 0.9}), make_record("darts")])
    run = {"datasets": ["omniglot"], "devices": ["jetson"], "shots": 1, "budget": "small"}
    assert "other parameters" in find(make_claim(ACCURACY, 0.0), found).undecided
    elsewhere = find(make_claim(ACCURACY, 0.0, run=run), found)
    assert elsewhere.undecided == "Nothing of it has been run"


def test_a_method_that_is_not_here_cannot_be_checked(
    make_claim: MakeClaim, evidence: MakeEvidence
) -> None:
    """The verdict names what no plugin registers."""
    claim = make_claim({**ACCURACY, "to": "dartz"}, 0.0)
    assert verdict_of(claim, evidence([])) == "not checkable here"
    assert "unknown method 'dartz'" in find(claim, evidence([])).unknowable


@pytest.mark.parametrize(("value", "verdict"), [(0, "holds"), (1e-6, "does not hold")])
def test_gradients_are_compared_here(
    value: float, verdict: str, make_claim: MakeClaim, evidence: MakeEvidence
) -> None:
    """Step by step gives ordinary back-propagation's gradients to 1e-10; no run is needed."""
    check = {"kind": "gradients", "engine": "step_by_step"}
    claim = make_claim(check, value, relation="about", tolerance=1e-10)
    assert verdict_of(claim, evidence([])) == verdict


@pytest.mark.parametrize(("value", "verdict"), [(1.0, "holds"), (2.0, "does not hold")])
def test_cells_are_counted_from_shapes(
    value: float, verdict: str, make_claim: MakeClaim, evidence: MakeEvidence
) -> None:
    """A cell of seven nodes and 22 channels stores about a MiB."""
    check = {"kind": "storage_of_cells", "cells": 20, "nodes": 7, "channels": 22}
    claim = make_claim(check, value, relation="about", tolerance=0.2, unit="MB")
    assert verdict_of(claim, evidence([])) == verdict
