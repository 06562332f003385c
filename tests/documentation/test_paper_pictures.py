"""Pictures of the paper's tables and figures show what is estimated, and what they say."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Sequence

import pytest

from documentation.pages import ROOT
from documentation.paper_pictures import FIGURES, PICTURES, SUITES, VALUES, compared, values_of

AGAIN = "draw them again: python -m documentation.paper_pictures"

Rows = list[dict[str, str]]


def rows_of(text: str) -> Rows:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module")
def kept() -> Rows:
    """What the pictures were drawn from."""
    return rows_of(VALUES.read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", ["README.md", "docs/paper-table.md"])
def test_pages_have_every_picture(page: str) -> None:
    """Tables 2, 3 and 4 and figures 7, 9, 10 and 12 are to be seen."""
    text = (ROOT / page).read_text(encoding="utf-8")
    shown = set(re.findall(r"assets/paper/([\w-]+)\.svg", text))
    assert shown == set(FIGURES) == {path.stem for path in PICTURES.glob("*.svg")}


@pytest.mark.parametrize("name", FIGURES)
def test_a_picture_shows_its_values(kept: Rows, name: str) -> None:
    """Each distance from the published number stands in it, and each number that lacks ours."""
    svg = (PICTURES / f"{name}.svg").read_text(encoding="utf-8")
    rows = [row for row in kept if row["picture"] == name]
    assert rows
    distances = Counter(re.findall(r">([+−]\d+ %)<", svg))
    both = [
        (float(row["ours"]), float(row["published"]))
        for row in rows
        if row["ours"] and row["published"]
    ]
    told = (f"{round(100 * (ours - published) / published):+d} %" for ours, published in both)
    assert distances == Counter(each.replace("-", "−") for each in told)
    if name != "figure7":
        alone = sum(not row["ours"] for row in rows)
        assert svg.count(">ours not known<") == alone
    assert {row["source"] for row in rows if row["ours"]} <= {"predicted", "emulated", "measured"}


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_pictures_are_of_what_is_estimated_now(kept: Rows) -> None:
    """Every value of figure 9 is the one that the command finds; `benchmark` looks at all."""
    assert_found_again([row for row in kept if row["picture"] == "figure9"], ["figure9"])


@pytest.mark.benchmark
@pytest.mark.timeout(3600)
def test_all_pictures_are_of_what_is_estimated_now(kept: Rows) -> None:
    """Every value of every picture is the one that the command finds."""
    assert_found_again(kept, FIGURES)


def assert_found_again(kept: Rows, pictures: Sequence[str]) -> None:
    """Hold kept rows to those that are found now, ours to four digits."""
    found = compared([name for name in SUITES if name in pictures])
    now = [row for row in rows_of(values_of(found)) if row["picture"].split("-")[0] in pictures]
    assert len(now) == len(kept), AGAIN
    for new, old in zip(now, kept, strict=True):
        ours = [float(row.pop("ours") or "nan") for row in (new, old)]
        assert new == old, AGAIN
        assert ours[0] == pytest.approx(ours[1], rel=1e-4, nan_ok=True), AGAIN
