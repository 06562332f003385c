"""Writes the ledger of On-NAS's claims into `docs/claims.md`.

    python -m documentation.claims

It judges by the records of `results/reference` and by estimates, as `harness claim onnas` does.
"""

from __future__ import annotations

import re

from documentation.pages import ROOT
from harness.api.calls import cache_folder
from harness.claims.checking import REFERENCE, ClaimRequest, check_claims
from harness.plugins.loading import load_plugins
from harness.reports.claim_tables import ledger_tables
from harness.reports.formats import to_markdown

__all__ = ["PAGE", "told_verdicts"]

PAGE = ROOT / "docs" / "claims.md"
BEGIN, END = "<!-- claims: begin -->", "<!-- claims: end -->"
_BLOCK = re.compile(f"{re.escape(BEGIN)}(.*?){re.escape(END)}", re.DOTALL)
_ROW = re.compile(r"^\| ([\w-]+) +\|.*\| (holds|does not hold|not [\w ]+?) +\|", re.MULTILINE)


def main() -> None:
    """Check all claims and write the page."""
    folders, cache = [ROOT / REFERENCE], cache_folder(None)
    request = ClaimRequest(method="onnas", folders=folders, cache_root=cache)
    checked = check_claims(load_plugins(), request, lambda *_: None)
    block = to_markdown(ledger_tables(checked.judged)).partition("\n")[2].strip()
    block = block.replace(f"{ROOT}/", "")
    page = PAGE.read_text(encoding="utf-8")
    written = _BLOCK.sub(lambda _: f"{BEGIN}\n\n{block}\n\n{END}", page)
    PAGE.write_text(written, encoding="utf-8")


def told_verdicts() -> dict[str, str]:
    """Return the verdict that the page has on each claim, by its name."""
    found = _BLOCK.search(PAGE.read_text(encoding="utf-8"))
    return dict(_ROW.findall(found[1])) if found else {}


if __name__ == "__main__":
    main()
