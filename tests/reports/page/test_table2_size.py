"""The page of the paper's largest table is small enough to be sent around."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from pathlib import Path
from random import Random

import pytest

from harness.comparison.published import PublishedSuite, load_published
from harness.plugins.loading import load_plugins
from harness.reports.page import write_page
from harness.reports.tables import tables_of
from harness.results.load import load_results
from harness.results.record import Record
from harness.space.spec import CELL_KINDS, NODES, OPERATIONS, edge_pairs

DEVICES = ("jetson", "rtx3090")
SEEDS = 3
TASKS, STEPS = 100, 10  # of a trial at the paper's budget


@pytest.fixture(scope="module")
def suite() -> PublishedSuite:
    """The paper's table 2."""
    return load_published("table2", load_plugins())


def records(make_record: Callable[..., Record], suite: PublishedSuite) -> list[Record]:
    """Three seeds of each published row on each device, none like another."""
    random = Random(0)  # noqa: S311 - a seed is what is wanted
    return [
        make_record(
            row.method,
            seed=seed,
            device=device,
            mode="emulated",
            dataset={
                "name": row.dataset,
                "label": row.dataset,
                "ways": row.ways,
                "shots": row.shots,
            },
            architecture={kind: cell(random) for kind in CELL_KINDS},
            initial_architecture={kind: cell(random) for kind in CELL_KINDS},
            environment={"packages": [f"package-{n}=={n}.1.0" for n in range(120)]},
            tasks=[
                {
                    "index": index,
                    "accuracy": random.uniform(20, 80),
                    "search_s": random.uniform(1, 2),
                    "peak_memory_bytes": random.randrange(10**7, 10**8),
                }
                for index in range(TASKS)
            ],
        )
        for (_, row), device, seed in product(suite.rows, DEVICES, range(SEEDS))
    ]


def cell(random: Random) -> list[list[tuple[int, str]]]:
    """Any cell of the search space."""
    return [
        [(place, random.choice(OPERATIONS)) for place in random.choice(edge_pairs(node))]
        for node in range(NODES)
    ]


def steps(random: Random) -> str:
    """A step file as a whole trial leaves it."""
    row = '{"task": %d, "step": %d, "loss": 1.234567, "accuracy": 40.0, "memory_bytes": %d}\n'
    places = product(range(TASKS), range(STEPS))
    return "".join(row % (*place, random.randrange(10**7, 10**8)) for place in places)


@pytest.mark.slow
def test_the_page_of_table_2_is_below_two_megabytes(
    make_record: Callable[..., Record],
    write_run: Callable[..., Path],
    suite: PublishedSuite,
    tmp_path: Path,
) -> None:
    """20 rows on two devices, three seeds each, with the details of every trial: under 2 MB."""
    run = write_run(tmp_path / "run", records(make_record, suite), suites=["table2"])
    folders = sorted((run / "trials").iterdir())
    assert len(folders) == 20 * len(DEVICES) * SEEDS
    random = Random(1)  # noqa: S311 - as above
    for folder in folders:
        (folder / "steps.jsonl").write_text(steps(random), encoding="utf-8")
        (folder / "log.txt").write_text(f"a line {random.random()}\n" * 40, encoding="utf-8")
    found = load_results([run])
    write_page(found, tables_of(found, [suite]), tmp_path / "page.html", [suite])
    page = (tmp_path / "page.html").read_bytes()
    assert b"Details of" not in page  # none is left out
    assert len(page) < 2_000_000
