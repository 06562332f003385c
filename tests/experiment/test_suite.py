"""Suites as TOML files."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import UsageError
from harness.experiment.suite import load_suite

GOOD = """\
title = "two"

[[trials]]
methods = ["onnas", "darts"]
devices = ["jetson"]

[[trials]]
methods = ["darts"]
shots = 5
"""


def written(folder: Path, text: str) -> Path:
    """Write a suite file."""
    path = folder / "mine.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_suite_is_read_with_defaults(tmp_path: Path) -> None:
    """What a block leaves out has its default."""
    suite = load_suite(written(tmp_path, GOOD))
    assert [block.shots for block in suite.trials] == [1, 5]
    assert suite.trials[1].devices == ["cpu"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("shots = 5", "shoots = 5", "mine.toml, line 9; did you mean 'shots'"),
        ("shots = 5", "shots = 0", "'shots' in {file}, line 9: input should be greater"),
        ("shots = 5", "shots = five", "not valid TOML"),
        ('title = "two"', 'titel = "two"', "mine.toml, line 1; did you mean 'title'"),
        ('methods = ["darts"]', "methods = []", "'methods' in {file}, line 8"),
    ],
)
def test_a_wrong_key_is_named_with_file_and_line(
    tmp_path: Path, old: str, new: str, says: str
) -> None:
    """An unknown key or a bad value is reported with file, line and key."""
    path = written(tmp_path, GOOD.replace(old, new))
    with pytest.raises(UsageError) as caught:
        load_suite(path)
    assert says.format(file=path) in str(caught.value)


def test_a_missing_suite_is_a_sentence(tmp_path: Path) -> None:
    """A file that is not there is said to be unreadable."""
    with pytest.raises(UsageError, match="cannot be read"):
        load_suite(tmp_path / "none.toml")
