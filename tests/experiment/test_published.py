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


TOLD = """
memory = "mib"
accuracy = "percent"
time_unit = "days"
unfit = ["jetson"]
rows = [{ dataset = "omniglot", ways = "20", shots = "1", q = "2", mib = "25" }]

[[published.notes]]
text = "A word on all."

[[published.notes]]
text = "A word on one."
where = { method = "onnas[q=2]", shots = "1" }
"""


def test_numbers_are_found_by_what_they_are(suite: Path) -> None:
    """Memory, accuracy and time have columns; days become seconds, and an empty time is an X."""
    suite.write_text(SUITE + TOLD, encoding="utf-8")
    write(
        suite,
        "dataset,ways,shots,q,mib,percent,seconds\nomniglot,20,5,3,9,80,0.5\nomniglot,20,5,7,99,,\n",
    )
    published = load_suite(suite).published
    assert published is not None
    first, second, third = read_published(published, suite)
    assert (
        published.numbers_of(first, "peak_memory")[0],
        published.numbers_of(first, "accuracy"),
    ) == (9.0, (80.0, None))
    assert published.seconds_of(first, "jetson") == 43_200
    assert published.seconds_of(first, "rtx3090") is None
    assert [published.is_unfit(row, "jetson") for row in (first, second, third)] == [
        False,
        True,
        False,  # it is in no table, so nothing was printed of it
    ]
    assert (
        published.numbers_of(third, "peak_memory")[0],
        published.numbers_of(third, "accuracy"),
    ) == (25.0, (None, None))


def test_notes_say_which_rows_they_are_about(suite: Path) -> None:
    """A note without conditions is about the whole; others about the rows that fulfil them."""
    suite.write_text(SUITE + TOLD, encoding="utf-8")
    write(suite, "dataset,ways,shots,q,mib,percent,seconds\nomniglot,20,1,3,9,80,1\n")
    published = load_suite(suite).published
    assert published is not None
    other, one = read_published(published, suite)
    general, particular = published.notes
    assert not general.where
    assert [note.is_about(row) for note in (general, particular) for row in (other, one)] == [
        False,
        False,
        False,
        True,
    ]


def test_numbers_are_not_read_from_elsewhere(suite: Path) -> None:
    """The file lies beside the suite: a path that leads away is refused."""
    suite.write_text(SUITE.replace("numbers.csv", "../numbers.csv"), encoding="utf-8")
    with pytest.raises(UsageError, match="'file'"):
        load_suite(suite)
