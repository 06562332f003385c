"""Published numbers of a suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment.published import read_published
from harness.experiment.suite import load_suite

SUITE = """
[[trials]]
methods = ["onnas"]

[published]
source = "a paper"
file = "numbers.csv"
method = "onnas[q={q}]"
times.jetson = "seconds"
"""


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    path = tmp_path / "suite.toml"
    path.write_text(SUITE, encoding="utf-8")
    return path


def write(suite: Path, text: str) -> None:
    (suite.parent / "numbers.csv").write_text(text, encoding="utf-8")


def test_rows_are_read(suite: Path) -> None:
    """Columns make up the method's name; an empty cell is a number that was not published."""
    write(suite, "dataset,ways,shots,q,seconds\nomniglot,20,5,3,12.5\nomniglot,20,1,4,\n")
    published = load_suite(suite).published
    assert published is not None
    first, second = read_published(published, suite)
    assert (first.method, first.dataset, first.ways, first.shots) == (
        "onnas[q=3]",
        "omniglot",
        20,
        5,
    )
    assert first.number("seconds") == 12.5
    assert second.number("seconds") is None


@pytest.mark.parametrize(
    ("text", "words"),
    [("dataset,ways\nomniglot,20\n", "'q'"), ("dataset,q,ways\na,1,many\n", "many")],
)
def test_a_malformed_file_is_named(suite: Path, text: str, words: str) -> None:
    """A missing column or a word for a number is said with the file's name."""
    write(suite, text)
    published = load_suite(suite).published
    assert published is not None
    with pytest.raises(UsageError, match=r"numbers\.csv") as caught:
        read_published(published, suite)
    assert words in str(caught.value)


def test_a_missing_column_is_named(suite: Path) -> None:
    """Asking for a column that is not there names it and the method."""
    write(suite, "dataset,ways,shots,q\nomniglot,20,5,3\n")
    published = load_suite(suite).published
    assert published is not None
    (row,) = read_published(published, suite)
    with pytest.raises(UsageError, match="'seconds'"):
        row.number("seconds")
