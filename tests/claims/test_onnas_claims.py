"""On-NAS's claims say what was published: numbers of the paper's tables, methods that there are."""

from __future__ import annotations

from collections.abc import Iterator
from math import exp, sqrt

import pytest

from documentation.claims import told_verdicts
from harness.claims.claim import DifferenceCheck, PublishedCheck, RatioCheck
from harness.claims.ledger import NamedClaim, claims_of
from harness.comparison.published import PublishedSuite, load_published
from harness.experiment.budget import parse_budget
from harness.experiment.published import PublishedRow
from harness.plugins.loading import Plugins, load_plugins
from harness.plugins.selection import select

PLUGINS = load_plugins()
CLAIMS = {each.name: each for each in claims_of(PLUGINS, "onnas")}
NAMES = ("table2", "table3", "table4", "figure9", "storage")
SUITES = {name: load_published(name, PLUGINS) for name in NAMES}
COMPARED = [
    each
    for each in CLAIMS.values()
    if isinstance(each.claim.check, RatioCheck | DifferenceCheck) and each.name != "coefficients"
]


def suite_of(named: NamedClaim) -> PublishedSuite:
    """Return the suite with the table or figure that a claim is from."""
    where = named.claim.where
    if where.startswith("section 6.1"):
        return SUITES["storage"]
    return SUITES[where.partition(",")[0].replace(" ", "")]


def rows_of(named: NamedClaim) -> Iterator[PublishedRow]:
    """Give the published row of each method of a claim."""
    run, suite = named.claim.run, suite_of(named)
    assert run is not None
    setting = "full task" if "cifar" in run.datasets[0] else f"{run.ways}-way {run.shots}-shot"
    for text in named.claim.methods:
        label = select(PLUGINS, "method", _as_tabled(text, suite.name))[0].label
        row = _row(suite, label, run.datasets[0], setting)
        # On-NAS's row of table 2 that the copy lacks: table 3 has its accuracy.
        yield row if row.is_tabled else _row(SUITES["table3"], label, run.datasets[0], setting)


def _as_tabled(method: str, suite: str) -> str:
    """Name a method as its table has it, which says less of the procedure."""
    method = method.replace("[inactive_path=kept]", "")
    if suite != "table3":
        return method
    also = "gradient=selected,step_by_step=false"
    return method.replace(f"[{also}]", "").replace(f",{also}", "")


def _row(suite: PublishedSuite, *place: str) -> PublishedRow:
    return {(p.method, p.dataset, p.setting): row for p, row in suite.rows}[place]  # type: ignore[index]


def number_of(named: NamedClaim, row: PublishedRow) -> float:
    suite, check = suite_of(named), named.claim.check
    metric = getattr(check, "metric", "")
    if metric == "search_time":
        value = suite.published.seconds_of(row, "jetson")
    elif metric == "accuracy":
        value = row.number("accuracy")
    else:
        value, _ = suite.published.numbers_of(row, metric)
    assert value is not None
    return value


def test_there_are_claims_of_every_kind() -> None:
    """At least twenty, of all kinds that there are."""
    assert len(CLAIMS) >= 20
    kinds = {each.claim.check.kind for each in CLAIMS.values()}
    assert kinds == {
        "ratio", "difference", "fits", "gradients", "storage_of_cells", "not_checkable",
    }  # fmt: skip


@pytest.mark.parametrize("named", COMPARED, ids=lambda named: named.name)
def test_published_values_are_those_of_the_tables(named: NamedClaim) -> None:
    """A ratio or a difference is that of the two published numbers, to the digits it is told in."""
    ours, other = (number_of(named, row) for row in rows_of(named))
    is_ratio = isinstance(named.claim.check, RatioCheck)
    value = ours / other if is_ratio else ours - other
    assert named.claim.published.value == pytest.approx(value, abs=0.05 if is_ratio else 0.006)


@pytest.mark.parametrize("named", CLAIMS.values(), ids=lambda named: named.name)
def test_what_a_claim_names_is_there(plugins: Plugins, named: NamedClaim) -> None:
    """What it would run can be run, and other claims that it names are there."""
    for text in named.claim.methods:
        select(plugins, "method", text)
    for block in named.claim.settings:
        select(plugins, "dataset", block.datasets[0])
        select(plugins, "device", block.devices[0])
        parse_budget(block.budget)
        block.setting("few-shot")
    told = [*named.claim.remarks, getattr(named.claim.check, "reason", "")]
    quoted = {word for text in told for word in text.split("`")[1::2]}
    assert {word for word in quoted if "-" in word and "[" not in word} <= CLAIMS.keys()


def test_every_baseline_is_compared_in_every_setting() -> None:
    """Accuracy has a claim for each of four baselines in each of four settings, and for q = 7."""
    for setting in ("miniimagenet-5", "miniimagenet-1", "omniglot-5", "omniglot-1"):
        for baseline in ("darts", "metanas", "pcdarts", "proxylessnas"):
            assert f"accuracy-{baseline}-{setting}-shot" in CLAIMS
        assert f"q2-accuracy-{setting}-shot" in CLAIMS


def test_chance_is_as_the_reasons_say() -> None:
    """500 images deviate by 2.16 points, three such seeds lie within 0.11 with p = 0.003."""
    deviation, other = (100 * sqrt(share * (1 - share) / 500) for share in (0.6333, 0.6200))
    # Two degrees of freedom: the sum of squares over the variance is exponential.
    probability = 1 - exp(-((0.11 / deviation) ** 2))
    half = 1.96 * sqrt((deviation**2 + other**2) / 3)
    assert (f"{deviation:.2f}", f"{probability:.3f}", f"{half:.1f}") == ("2.16", "0.003", "3.5")
    spread, margin = (CLAIMS[f"published-{name}"].claim.check for name in ("spread", "margin"))
    assert isinstance(spread, PublishedCheck)
    assert isinstance(margin, PublishedCheck)
    assert "2.16 points" in spread.reason
    assert "0.003" in spread.reason
    assert "± 3.5 points" in margin.reason


def test_the_page_has_a_verdict_on_each_claim() -> None:
    """`python -m documentation.claims` writes the ledger on the page of claims."""
    assert list(told_verdicts()) == list(CLAIMS)
