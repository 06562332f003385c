"""Memory beside the paper's, in README.md and docs/memory.md, is what is estimated now."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

import pytest

from documentation.blocks import block_in
from documentation.pages import ROOT
from documentation.paper_memory import BLOCK, PAGES, estimated, memory_table
from documentation.paper_pictures import VALUES, beside_published, values_of
from harness.results.costs import EstimateRow

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def rows() -> Sequence[EstimateRow]:
    """The estimates of table 2."""
    return estimated()


@pytest.mark.parametrize("name", PAGES)
def test_the_table_is_what_is_estimated(name: str, rows: Sequence[EstimateRow]) -> None:
    """Every number of the page is the one that an estimate gives now."""
    page = (ROOT / name).read_text(encoding="utf-8")
    told = memory_table(rows, PAGES[name])
    assert block_in(page, BLOCK) == told, "write it again: python -m documentation.paper_memory"


def test_the_picture_of_table_2_has_these_numbers(rows: Sequence[EstimateRow]) -> None:
    """Memory in the picture beside the paper's is what is estimated for the tables."""
    now = memory_in(values_of({"table2": beside_published("table2", rows)}))
    assert now
    assert now == memory_in(VALUES.read_text(encoding="utf-8"))


def memory_in(values: str) -> dict[tuple[str, str, str], float]:
    """Return the MiB of table 2 in what pictures show, by method, data set and setting."""
    return {
        (row["method"], row["dataset"], row["setting"]): float(row["ours"])
        for row in csv.DictReader(io.StringIO(values))
        if row["picture"] == "table2" and row["metric"] == "peak memory" and row["ours"]
    }
