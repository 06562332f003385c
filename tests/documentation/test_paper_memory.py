"""Memory beside the paper's, in README.md and docs/memory.md, is what is estimated now."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from documentation.blocks import block_in
from documentation.pages import ROOT
from documentation.paper_memory import BLOCK, PAGES, estimated, memory_table
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
