"""The table of NAS-Bench-201: found, read strictly, joined by the architecture's string."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from harness_spaces.nasbench201 import NasBench201
from harness_spaces.parameters import NasBench201TableParameters
from harness_spaces.table import NasBench201Table, TabularAccuracies, read_columns

from harness.contracts import ArchitectureTable, DataRequest, KnowsLatency, ListsArchitectures
from harness.errors import DataError, UsageError
from tests.spaces.conftest import BEST, made_up, made_up_latency, rows, write_table

SPACE = NasBench201()
REAL = Path(os.environ.get("HARNESS_DATA", "")) / "nasbench201.csv.gz"
COLUMN = "cifar10_val_percent"


def prepared(root: Path | None, **parameters: object) -> TabularAccuracies:
    request = DataRequest(root, Path("unused"), print)
    table = NasBench201Table(NasBench201TableParameters.model_validate(parameters)).prepare(request)
    assert isinstance(table, TabularAccuracies)
    return table


def test_accuracies_are_found_by_architecture(table_root: Path) -> None:
    """What a table tells of an architecture is in its row; the best is known."""
    table = prepared(table_root)
    assert isinstance(table, ArchitectureTable)
    assert table.best == BEST
    for chosen in [(0, 1, 2, 3, 4, 0), (3, 3, 3, 1, 3, 3)]:
        assert table.accuracy(SPACE.architecture(chosen)) == made_up(chosen)


def test_metric_names_images_and_column(table_root: Path) -> None:
    """Another metric is another column, other images and another fingerprint."""
    table = prepared(table_root, metric="imagenet16-120")
    assert table.best == BEST / 2
    assert (table.image_shape, table.classes) == ((3, 16, 16), 120)
    assert table.fingerprint != prepared(table_root).fingerprint


def test_latencies_are_those_of_the_device_that_was_named(table_root: Path) -> None:
    """They change the fingerprint; without a device there are none, and it is as it was."""
    table = prepared(table_root, latency="toy")
    assert isinstance(table, KnowsLatency)
    assert isinstance(table, ListsArchitectures)
    assert len(table.architectures()) == 15_625
    chosen = (0, 1, 2, 3, 4, 0)
    assert table.latency(SPACE.architecture(chosen)) == made_up_latency(chosen)
    without = prepared(table_root)
    assert without.latency(SPACE.architecture(chosen)) is None
    assert without.fingerprint != table.fingerprint


def test_order_and_numbers_of_rows_do_not_matter(table_root: Path, tmp_path: Path) -> None:
    """A table that numbers its architectures otherwise is the same table."""
    renumbered = [(str(n), *row[1:]) for n, row in enumerate(reversed(rows()))]
    path = write_table(tmp_path / "other.csv.gz", renumbered)
    assert prepared(None, path=path).fingerprint == prepared(table_root).fingerprint


def test_a_table_has_no_images(table_root: Path) -> None:
    """What asks for images is told so."""
    with pytest.raises(UsageError, match="is a table, which has no images of split 'train'"):
        prepared(table_root).images("train")


Change = Callable[[list[tuple[str, ...]]], object]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda lines: lines.pop(), "has 15,624 architectures; nasbench201 has 15,625"),
        (
            lambda lines: lines.insert(3, lines[2]),
            "wrong in line 5: the architecture .* comes twice",
        ),
        (
            lambda lines: lines.insert(0, ("0", "x", "1", "1", "1")),
            "wrong in line 2: the architecture 'x'",
        ),
        (
            lambda lines: lines.insert(1, (*lines[0][:2], "nan", "1", "1")),
            "line 3: the accuracy 'nan'",
        ),
        (lambda lines: lines.insert(1, (*lines[0][:2], "101", "1", "1")), "from 0 to 100"),
        (
            lambda lines: lines.insert(1, lines[0][:3]),
            "line 3: it has 3 cells, and the header has 5",
        ),
        (lambda lines: lines.insert(1, (*lines[0][:4], "0")), "line 3: the latency '0' must be"),
        (lambda lines: lines.insert(1, (*lines[0][:4], "inf")), "a number of ms, more than 0"),
    ],
)
def test_what_is_wrong_is_told_with_its_line(change: Change, message: str, tmp_path: Path) -> None:
    """No row is guessed, left out or taken twice."""
    lines = rows()
    change(lines)
    with pytest.raises(DataError, match=message):
        prepared(None, path=write_table(tmp_path / "wrong.csv.gz", lines), latency="toy")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must have one column 'architecture'; it has: none"),
        (
            b"architecture,other\n",
            "must have one column 'cifar10_val_percent'; it has: architecture",
        ),
        (b"\xe9\n", "it is not in UTF-8"),
        (b'architecture,cifar10_val_percent\n"a', "is wrong in line 2"),
    ],
)
def test_what_is_no_table_is_refused(content: bytes, message: str, tmp_path: Path) -> None:
    """The message says what the file lacks."""
    path = tmp_path / "table.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_columns(path, {COLUMN: float})


def test_a_damaged_archive_is_refused(tmp_path: Path) -> None:
    """A download that broke off is not read halfway."""
    path = tmp_path / "table.csv.gz"
    path.write_bytes(gzip.compress(b"architecture\n" * 1000)[:-20])
    with pytest.raises(DataError, match="cannot be read"):
        read_columns(path, {COLUMN: float})


def test_a_missing_table_says_how_to_give_it(tmp_path: Path) -> None:
    """Nothing of the benchmark is shipped."""
    for root in (None, tmp_path):
        with pytest.raises(DataError, match=r"nasbench201\[path=FILE\], or as nasbench201.csv.gz"):
            prepared(root)


@pytest.mark.skipif(not REAL.is_file(), reason="HARNESS_DATA has no table of NAS-Bench-201")
@pytest.mark.parametrize(
    ("metric", "best"), [("cifar10", 91.57), ("cifar100", 73.26), ("imagenet16-120", 47.33)]
)
def test_the_best_of_the_real_table_is_the_published_one(metric: str, best: float) -> None:
    """The largest validation accuracies of the benchmark, to two decimals."""
    table = prepared(None, metric=metric, path=REAL)
    assert round(table.best, 2) == best
    text = gzip.decompress(REAL.read_bytes()).decode()
    row = next(csv.DictReader(io.StringIO(text)))
    column = f"{metric.replace('-', '_')}_val_percent"
    assert table.accuracy(row["architecture"]) == float(row[column])
