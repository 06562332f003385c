"""Writes the ledger of On-NAS's claims into `docs/claims.md`.

    python -m documentation.claims

It judges by the records of `results/reference` and by estimates, as `harness claim onnas` does.
"""

from __future__ import annotations

import re

from documentation.blocks import block_in, with_block
from documentation.pages import ROOT
from harness.api.arguments import cache_folder
from harness.claims.checking import REFERENCE, ClaimRequest, check_claims
from harness.plugins.loading import load_plugins
from harness.reports.claim_tables import ledger_tables
from harness.reports.formats import to_markdown

__all__ = ["PAGE", "told_verdicts"]

PAGE = ROOT / "docs" / "claims.md"
BLOCK = "claims"
_ROW = re.compile(r"^\| ([\w-]+) +\|.*\| (holds|does not hold|not [\w ]+?) +\|", re.MULTILINE)


def main() -> None:
    """Check all claims and write the page."""
    folders, cache = [ROOT / REFERENCE], cache_folder(None)
    request = ClaimRequest(method="onnas", folders=folders, cache_root=cache)
    checked = check_claims(load_plugins(), request, lambda *_: None)
    block = to_markdown(ledger_tables(checked.judged)).partition("\n")[2].strip()
    block = block.replace(f"{ROOT}/", "")
    PAGE.write_text(with_block(PAGE.read_text(encoding="utf-8"), BLOCK, block), encoding="utf-8")


def told_verdicts() -> dict[str, str]:
    """Return the verdict that the page has on each claim, by its name."""
    return dict(_ROW.findall(block_in(PAGE.read_text(encoding="utf-8"), BLOCK)))


if __name__ == "__main__":
    main()
