"""Digests of sources: what Python runs decides, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.runtime.sources import CACHE_FILE, SourceReader, files_of, statements

SOURCE = '''"""A module."""
import mine_too
from json import dumps  # for later


def f(x):
    """Add one."""
    y = (x
         + 1)  # one

    return f"{ y } {{}}"
'''


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Add one.", "Adds 1."),
        ('"""A module."""\n', ""),
        ("  # one", ""),
        ("\n\n\n", "\n"),
        ("(x\n         + 1)", "(x + 1)"),
        ("    ", "  "),
        ("\n", "\r\n"),
    ],
)
def test_comments_docstrings_and_blanks_are_no_code(old: str, new: str) -> None:
    """A corrected typo and a formatter leave the digest as it is."""
    assert old in SOURCE
    changed = SOURCE.replace(old, new)
    assert list(statements(changed.encode())) == list(statements(SOURCE.encode()))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+ 1", "+ 2"),
        ("return", "yield"),
        ("{ y }", "{ x }"),
        ('"{ y } {{}}"', '"{ y }  {{}}"'),
        ("    return", "return"),
        ("y = (x", "z = y = (x"),
    ],
)
def test_what_python_runs_is_code(old: str, new: str) -> None:
    """Any token, any string that is used, and any indent counts."""
    assert old in SOURCE
    changed = SOURCE.replace(old, new)
    assert list(statements(changed.encode())) != list(statements(SOURCE.encode()))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a module beside it that it imports, and others that it does not."""
    folder = tmp_path / "checkout"
    (folder / "mine" / "deep").mkdir(parents=True)
    (folder / "mine" / "__init__.py").write_text("")
    (folder / "mine" / "deep" / "f.py").write_text(SOURCE)
    (folder / "mine" / "table.csv").write_text("1,2")
    (folder / "mine" / "weights.npy").write_bytes(b"1")
    (folder / "mine_too.py").write_text("x = 1")
    (folder / "stranger.py").write_text("x = 1")
    monkeypatch.syspath_prepend(str(folder))
    return folder


@pytest.mark.parametrize(
    "name", ["mine/__init__.py", "mine/deep/f.py", "mine/weights.npy", "mine_too.py", "mine/new.py"]
)
def test_all_of_a_package_and_what_it_imports_beside_it_counts(package: Path, name: str) -> None:
    """A module, a module of its own elsewhere, what it computes with, and a module that is new."""
    before = SourceReader().package("mine.deep.f", "mine")
    (package / name).write_text("y = 2")
    assert SourceReader().package("mine.deep.f", "mine") != before


@pytest.mark.parametrize("name", ["stranger.py", "mine/table.csv", "mine/README.md"])
def test_what_it_does_not_compute_with_does_not_count(package: Path, name: str) -> None:
    """Modules of others, tables and texts change no digest."""
    before = SourceReader().package("mine", "mine")
    (package / name).write_text("y = 2")
    assert SourceReader().package("mine", "mine") == before


def test_installed_packages_count_with_their_own_distribution_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In site-packages, only what the distribution itself has installed belongs to it."""
    site = tmp_path / "site-packages"
    about = site / "mine-1.0.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (about / "RECORD").write_text("mine.py,,\nhelper.py,,\n")
    (site / "mine.py").write_text("import helper, library")
    for name in ("helper.py", "library.py"):
        (site / name).write_text("x = 1")
    monkeypatch.syspath_prepend(str(site))
    before = SourceReader().package("mine", "mine")
    (site / "library.py").write_text("x = 2")
    assert SourceReader().package("mine", "mine") == before
    (site / "helper.py").write_text("x = 2")
    assert SourceReader().package("mine", "mine") != before


def test_what_is_no_python_and_what_is_not_there_have_digests(package: Path) -> None:
    """A broken module is its bytes; a package that cannot be found has nothing to say."""
    before = SourceReader().package("mine", "mine")
    (package / "mine" / "broken.py").write_text("def f(:\n")
    assert SourceReader().package("mine", "mine") != before
    assert SourceReader().package("not_there_at_all", "mine") == ""


@pytest.mark.parametrize("distribution", ["", "unknown distribution", "not-installed"])
def test_a_distribution_need_not_be_known(package: Path, distribution: str) -> None:
    """What it imports of others is left out, whoever has installed the package."""
    (package / "mine" / "__init__.py").write_text("import numpy, mine_too")
    before = SourceReader().package("mine", distribution)
    (package / "mine_too.py").write_text("y = 2")
    assert SourceReader().package("mine", distribution) != before


def test_known_sources_are_not_read_again(package: Path, tmp_path: Path) -> None:
    """What a file says is kept by its content; a cache that is damaged is made anew."""
    reader = SourceReader(tmp_path / "cache")
    digest = reader.package("mine", "mine")
    reader.keep()
    cache = tmp_path / "cache" / CACHE_FILE
    known = json.loads(cache.read_text())
    assert len(known) == 3
    (tmp_path / "cache" / CACHE_FILE).write_text(json.dumps({key: ["0" * 64, []] for key in known}))
    assert SourceReader(tmp_path / "cache").package("mine", "mine") != digest
    for damaged in ("", "[1]", '{"a": 1}'):
        cache.write_text(damaged)
        assert SourceReader(tmp_path / "cache").package("mine", "mine") == digest
    assert files_of("mine").keys() >= {"mine/deep/f.py"}
