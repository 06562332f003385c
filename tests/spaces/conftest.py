"""A table of all architectures whose accuracies are made up here; none of the benchmark's."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Iterable
from itertools import product
from pathlib import Path

import pytest
from harness_spaces.nasbench201 import EDGES, OPERATIONS, NasBench201

WORTH = {"none": 0, "skip_connect": 2, "nor_conv_1x1": 3, "nor_conv_3x3": 5, "avg_pool_3x3": 1}
MILLISECONDS = (1, 2, 4, 9, 3)  # of each operation, in their order
HEADER = (
    "index", "architecture", "cifar10_val_percent", "imagenet16_120_val_percent", "toy_ms",
)  # fmt: skip


def made_up(decisions: Iterable[int]) -> float:
    """Return an accuracy: the better the operations are, and a bonus for a shortcut at the end."""
    operations = [OPERATIONS[decision] for decision in decisions]
    worth = sum(WORTH[operation] for operation in operations)
    return 50.0 + worth + (3.5 if operations[3] == "skip_connect" else 0.0)


BEST = 50.0 + 5 * 5 + 2 + 3.5


def made_up_latency(decisions: Iterable[int]) -> float:
    """Return a latency: that of all operations together."""
    return sum(MILLISECONDS[decision] for decision in decisions)


def rows() -> list[tuple[str, ...]]:
    space = NasBench201()
    every = product(range(len(OPERATIONS)), repeat=len(EDGES))
    return [
        (
            str(number),
            space.architecture(each),
            f"{made_up(each):g}",
            f"{made_up(each) / 2:g}",
            f"{made_up_latency(each):g}",
        )
        for number, each in enumerate(every)
    ]


def write_table(path: Path, lines: Iterable[tuple[str, ...]]) -> Path:
    with gzip.open(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(lines)
    return path


@pytest.fixture(scope="session")
def table_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a data root that holds the made-up table."""
    root = tmp_path_factory.mktemp("tables")
    write_table(root / "nasbench201.csv.gz", rows())
    return root
