"""Writes memory beside the paper's into `docs/memory.md` and `README.md`, from estimates.

python -m documentation.paper_memory
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

import harness
from documentation.blocks import with_block
from documentation.pages import ROOT
from harness.experiment.published import read_published
from harness.experiment.suite import load_suite
from harness.planning.plan import find_suite
from harness.plugins.loading import load_plugins
from harness.results.costs import EstimateRow

__all__ = ["BLOCK", "PAGES", "estimated", "memory_table"]

BLOCK = "memory"
LEAN = "metanas[engine=step_by_step,micro_batches=5]"
NAMES = {
    "darts": "DARTS",
    "metanas": "MetaNAS",
    "pcdarts": "PC-DARTS",
    "proxylessnas[inactive_path=kept]": "ProxylessNAS, two paths kept",
    "proxylessnas": "ProxylessNAS",
    "onnas": "On-NAS, q = 2",
    LEAN: f"MetaNAS, `{LEAN.partition('[')[2].rstrip(']')}`",
}
PAGES = {"docs/memory.md": tuple(NAMES), "README.md": ("darts", "metanas", "onnas", LEAN)}
SETTINGS = {
    ("miniimagenet", 5): "miniImageNet 5-shot",
    ("miniimagenet", 1): "miniImageNet 1-shot",
    ("omniglot", 5): "Omniglot 5-shot",
    ("omniglot", 1): "Omniglot 1-shot",
}
STANDS_OUT = 10  # percent off from which a difference is printed bold

Memory = tuple[float, float]  # MiB: the least and the most that choices can lead to
Place = tuple[str, str, int]  # method, data set, shots


def main() -> None:
    """Estimate table 2 and write both pages."""
    rows = estimated()
    for name, methods in PAGES.items():
        path = ROOT / name
        page = with_block(path.read_text(encoding="utf-8"), BLOCK, memory_table(rows, methods))
        path.write_text(page, encoding="utf-8")


def estimated() -> Sequence[EstimateRow]:
    """Return the estimates of the rows of table 2, and of those that stand beside them."""
    return harness.estimate(suite="table2", device="jetson").rows


def memory_table(rows: Sequence[EstimateRow], methods: Sequence[str]) -> str:
    """Return the Markdown of some methods' memory beside the published."""
    ours = {
        (row.method, row.dataset, _shots(row)): (row.lowest_memory_mib, row.peak_memory_mib)
        for row in rows
        if row.lowest_memory_mib is not None and row.peak_memory_mib is not None
    }
    theirs = _published()
    cells = [
        [NAMES[method], *(_cell(ours, theirs, (method, *setting)) for setting in SETTINGS)]
        for method in methods
    ]
    table = pd.DataFrame(cells, columns=["method", *SETTINGS.values()])
    return str(table.to_markdown(index=False, disable_numparse=True))


def _published() -> dict[Place, float]:
    """Return table 2's memory; what stands for the published procedure of a method has it too."""
    path = find_suite(load_plugins(), "table2")
    published = load_suite(path).published
    found: dict[Place, float] = {}
    if published is None:
        return found
    for row in read_published(published, path):
        memory, _ = published.numbers_of(row, "peak_memory")
        if memory is None or row.shots is None:
            continue
        procedure = published.procedures.get(row.method)
        for method in (row.method, f"{row.method}[{procedure}]"):
            found[method, row.dataset, row.shots] = memory
    return found


def _cell(ours: dict[Place, Memory], theirs: dict[Place, float], place: Place) -> str:
    """Return ours, its least in brackets where choices matter, and the published with the gap."""
    least, most = ours[place]
    told = f"{most:,.0f}" if round(least) == round(most) else f"{most:,.0f} ({least:,.0f})"
    if place not in theirs:
        return f"{told} / –"
    percent = 100 * (most / theirs[place] - 1)
    gap = f"{percent:+.0f} %".replace("-", "−")
    return f"{told} / {theirs[place]:,.0f}, {f'**{gap}**' if abs(percent) > STANDS_OUT else gap}"


def _shots(row: EstimateRow) -> int:
    """Return the shots of `5-way 1-shot`."""
    return int(row.setting.partition("-way ")[2].partition("-shot")[0])


if __name__ == "__main__":
    main()
