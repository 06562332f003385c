"""Text files say the same whatever editor, system or spreadsheet has saved them."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

import pytest
from harness_datasets.miniimagenet import _read_rows

from harness.devices.profile import check_destination, profile_toml, read_profile
from harness.errors import DataError, PluginError, UsageError
from harness.experiment.published import read_published
from harness.experiment.suite import load_suite
from harness.planning.run_directory import RunFolder
from harness.plugins.description import describe
from harness.plugins.loading import load_plugins
from harness.plugins.registry import Entry, PluginSource, Registry
from harness.results.load import load_results
from harness.system.text import NotTextError, decoded, read_cells

SUITE = """
[[trials]]
methods = ["onnas"]
datasets = ["glyphs"]

[published]
source = "a paper"
file = "numbers.csv"
method = "onnas[q={q}]"
times.jetson = "seconds"
"""
NUMBERS = "dataset,ways,shots,q,seconds\nglyphs,20,5,3,12.5\nglyphs,20,1,4,\n"
PROFILE = 'name = "my-board"\nmodel = "My board"\nkind = "cpu"\n'

SAVED: dict[str, Callable[[str], bytes]] = {
    "notepad": lambda text: codecs.BOM_UTF8 + text.replace("\n", "\r\n").encode(),
    "powershell": lambda text: codecs.BOM_UTF16_LE + text.encode("utf-16-le"),
    "utf-16-be": lambda text: codecs.BOM_UTF16_BE + text.replace("\n", "\r\n").encode("utf-16-be"),
    "old mac": lambda text: text.replace("\n", "\r").encode(),
    "blank ends": lambda text: text.replace("\n", " \t\u00a0\n").encode() + b"\n\n \n",
    "dos": lambda text: text.replace("\n", "\r\n").encode() + b"\x1a",
}


@pytest.fixture(params=SAVED)
def save(request: pytest.FixtureRequest) -> Callable[[Path, str], Path]:
    """Return `save(path, text)`, which writes a file as an editor would."""

    def save(path: Path, text: str) -> Path:
        path.write_bytes(SAVED[request.param](text))
        return path

    return save


def test_a_suite_and_its_numbers_are_read(
    save: Callable[[Path, str], Path], tmp_path: Path
) -> None:
    """Suite and CSV mean what they mean in plain UTF-8."""
    suite = save(tmp_path / "suite.toml", SUITE)
    save(tmp_path / "numbers.csv", NUMBERS)
    read = load_suite(suite)
    assert read.trials[0].datasets == ["glyphs"]
    assert read.published is not None
    first, second = read_published(read.published, suite)
    assert (first.method, first.ways, first.number("seconds")) == ("onnas[q=3]", 20, 12.5)
    assert second.number("seconds") is None


def test_a_profile_is_read(
    save: Callable[[Path, str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device is registered under the name in its file, which calibration may overwrite."""
    path = save(tmp_path / "board.TOML", PROFILE)
    assert read_profile(path).name == "my-board"
    monkeypatch.setenv("HARNESS_DEVICES", str(tmp_path))
    assert "my-board" in load_plugins().registry.names("device")
    check_destination(save(tmp_path / "own.toml", profile_toml(read_profile(path))), force=False)


def test_a_list_of_a_split_is_read(save: Callable[[Path, str], Path], tmp_path: Path) -> None:
    """A list of images has the same rows."""
    path = save(tmp_path / "train.csv", "filename,label\na.jpg,cat\nb.jpg,dog\n")
    assert _read_rows(path.read_bytes(), "train.csv") == [("a.jpg", "cat"), ("b.jpg", "dog")]


@pytest.mark.parametrize(
    "text",
    [
        "filename;label\na.jpg;cat\nb.jpg;dog\n",
        "filename\tlabel\na.jpg\tcat\nb.jpg\tdog\n",
        '"filename", "label",\n"a.jpg", "cat",\n"b.jpg", "dog",\n,,\n',
        "\n filename , label \n a.jpg , cat \n\n b.jpg , dog \n",
    ],
)
def test_spreadsheets_change_nothing(text: str) -> None:
    """Separators of other countries, empty rows and columns, and blanks leave the rows alone."""
    assert _read_rows(text.encode(), "train.csv") == [("a.jpg", "cat"), ("b.jpg", "dog")]


@pytest.mark.parametrize("row", ["a.jpg,cat,3", '"a.jpg,cat', "a.jpg,"])
def test_rows_that_do_not_fit_are_refused(row: str) -> None:
    """A cell too many, an open quote or a label too few is said with the file's name."""
    with pytest.raises(DataError, match=r"^'train\.csv' "):
        _read_rows(f"filename,label\n{row}\n".encode(), "train.csv")


def test_what_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    """Latin-1 is named as such in suites, profiles, numbers and what `show` shows."""
    latin = "\n# Bär\n".encode("latin-1")
    with pytest.raises(NotTextError, match=r"not in UTF-8 \(line 2\); save it as UTF-8"):
        decoded(latin)
    path = tmp_path / "x.toml"
    path.write_bytes(latin)
    for read in (load_suite, read_profile):
        with pytest.raises(UsageError, match="not in UTF-8"):
            read(path)
    plugin = PluginSource("mine", "mine", "1")
    plugins = load_plugins()
    object.__setattr__(
        plugins, "registry", Registry([Entry("suite", "mine", str(path), None, "", plugin)])
    )
    with pytest.raises(PluginError, match="not in UTF-8"):
        describe(plugins, "mine")


def test_the_line_of_a_mistake_is_the_editors(tmp_path: Path) -> None:
    """Characters that only Python takes for line ends do not count as lines."""
    path = tmp_path / "suite.toml"
    path.write_bytes("# a\u2028b\x85c\r\n[[trials]]\r\nshoots = 5\r\n".encode())
    with pytest.raises(UsageError, match="line 3"):
        load_suite(path)


def test_a_plan_that_was_opened_in_an_editor_is_a_plan(tmp_path: Path) -> None:
    """A byte-order mark in front of the JSON of a run is passed over."""
    (tmp_path / "trials").mkdir()
    content = codecs.BOM_UTF8 + b'{"schema": 1, "suites": ["table2"], "trials": []}\r\n'
    (tmp_path / "plan.json").write_bytes(content)
    assert load_results([tmp_path]).suites == ("table2",)
    RunFolder(tmp_path).add_to_plan([])


def test_no_rows_are_no_rows() -> None:
    """An empty file has neither headings nor rows."""
    assert read_cells("\n \n") == ([], [])
