"""Homes, caches and temporary folders are found, or told of in a sentence, whoever the user is."""

from __future__ import annotations

import multiprocessing
import os
import pwd
import sys
import tempfile
from multiprocessing import util
from pathlib import Path
from typing import NoReturn

import pytest
from click.testing import CliRunner
from harness_datasets.own_images import Folder
from harness_datasets.parameters import FolderParameters

from harness.api.arguments import cache_folder, data_folder
from harness.cli.main import cli
from harness.contracts import DataRequest
from harness.errors import DataError, UsageError
from harness.planning.plan import find_suite
from harness.plugins.loading import load_plugins
from harness.runtime.forkserver import processes
from harness.system import folders
from harness.system.folders import expanded, is_short, name_user, user_cache


def nobody(_: object) -> NoReturn:
    raise KeyError("uid not found")


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the user one whom the system does not know, as in `docker run --user 1234`."""
    for name in ("HOME", "XDG_CACHE_HOME", "LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder the temporary one."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("homeless")
def test_without_a_home_the_cache_is_a_temporary_folder(
    temporary: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """It is the user's alone, and a warning names it and the option."""
    cache = user_cache()
    assert cache == temporary / f"onnas-harness-{os.getuid()}"
    assert cache.stat().st_mode & 0o777 == 0o700
    assert "this user has no home: the cache is" in caplog.text
    assert "--cache-root" in caplog.text


def test_a_home_that_cannot_be_written_to_is_as_good_as_none(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a file, in a folder without rights, or nowhere: the cache is a temporary folder."""
    (temporary / "file").write_text("")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(temporary / "file"))
    assert user_cache().parent == temporary
    monkeypatch.setenv("HOME", str(temporary))
    assert user_cache() == temporary / ".cache" / "onnas-harness"
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert user_cache().parent == temporary


@pytest.mark.usefixtures("homeless")
def test_another_ones_folder_is_no_cache(temporary: Path) -> None:
    """A link that somebody else has put there is not followed."""
    (temporary / "elsewhere").mkdir()
    (temporary / f"onnas-harness-{os.getuid()}").symlink_to(temporary / "elsewhere")
    with pytest.raises(UsageError, match="is not this user's; choose a cache with --cache-root"):
        user_cache()


@pytest.mark.usefixtures("homeless")
def test_a_home_that_nobody_knows_is_told() -> None:
    """`~` is refused where it means nothing; no folder of that name is ever made."""
    for arguments in (["report", "~/runs"], ["run", "-o", "~/run"], ["report", "--output=~", "x"]):
        result = CliRunner().invoke(cli, [*arguments, "--cache-root", "x"][: len(arguments)])
        assert result.exit_code == 2
        assert "this user has no home; set HOME, or write the whole path" in result.stderr
    provider = Folder(FolderParameters(path=Path("~/photos")))
    with pytest.raises(UsageError, match="no home"):
        provider.prepare(DataRequest(None, Path("cache"), print))


def test_the_home_is_found_after_an_equals_sign_and_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Options, variables, suites, profiles and calls take `~`, and an end of line from Windows."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "mine.toml").write_text("[[trials]]\n")
    (tmp_path / "board.toml").write_text('name = "board"\nmodel = "B"\nkind = "cpu"\n')
    result = CliRunner().invoke(cli, ["report", "x", "--pictures=~/p", "--output=~/none.md"])
    assert "Error: x does not exist" in result.stderr
    monkeypatch.setenv("HARNESS_DATA", "~/data\r")
    result = CliRunner().invoke(cli, ["run", "-m", "random", "--dataset", "omniglot"])
    assert f"data root '{tmp_path}/data' does not exist" in result.stderr
    monkeypatch.setenv("HARNESS_DATA", "~/data")
    monkeypatch.setenv("HARNESS_CACHE", "~/cache")
    monkeypatch.setenv("HARNESS_DEVICES", "~/board.toml\r")
    assert (data_folder(None), cache_folder(None)) == (tmp_path / "data", tmp_path / "cache")
    assert "board" in load_plugins().registry.names("device")
    assert find_suite(load_plugins(), "~/mine.toml") == tmp_path / "mine.toml"


def test_a_name_that_begins_with_a_tilde_is_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`~name` of nobody's is a folder in the working one; where there is none, that is told."""
    monkeypatch.chdir(tmp_path)
    assert expanded(Path("~nobody-of-that-name/x")) == Path("~nobody-of-that-name/x")
    provider = Folder(FolderParameters(path=Path("~nobody-of-that-name")))
    with pytest.raises(DataError, match="'~nobody-of-that-name' does not exist"):
        provider.prepare(DataRequest(None, Path("cache"), print))
    (tmp_path / "~nobody-of-that-name").mkdir()
    with pytest.raises(DataError, match="holds no images"):
        provider.prepare(DataRequest(None, tmp_path / "cache", lambda _: None))


@pytest.mark.usefixtures("homeless")
def test_a_user_without_a_name_gets_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries that call their caches after the user find a name."""
    monkeypatch.setenv("LOGNAME", "")
    name_user()
    assert os.environ["LOGNAME"] == f"user{os.getuid()}"
    monkeypatch.setenv("LOGNAME", "me")
    name_user()
    assert os.environ["LOGNAME"] == "me"


@pytest.mark.parametrize("name", ["x" * 90, "ä" * 45, "with blanks/" * 8])
def test_sockets_are_short_whatever_the_temporary_folder(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Processes are made from a server whose socket has a short path; TMPDIR stays what it is."""
    long = tmp_path / name
    long.mkdir(parents=True)
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined] # as util has it
    monkeypatch.delitem(config, "tempdir", raising=False)
    processes([])
    made = util.get_temp_dir()
    assert is_short(str(Path(made).parent))
    assert tempfile.gettempdir() == str(long)
    del config["tempdir"]


def test_a_working_folder_that_is_gone_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing could be started there; commands say so, and so do calls from Python."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    result = CliRunner().invoke(cli, ["list", "budgets"])
    assert result.exit_code == 2
    assert result.stderr.startswith(
        "Error: the working folder has been removed; change to another one"
    )
    with pytest.raises(UsageError, match="the working folder has been removed"):
        processes(["json"])


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"gr\xc3\xb6", r"the locale takes names for ascii; set LC_ALL=C.UTF-8"),
        (b"gr\xf6", "rename"),
    ],
)
def test_a_locale_without_the_signs_of_a_path_is_told(
    content: bytes, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path in UTF-8 is not to be renamed because the locale knows ASCII alone."""
    path = Path(content.decode("ascii", "surrogateescape"))
    monkeypatch.setattr(sys, "getfilesystemencoding", lambda: "ascii")
    with pytest.raises(UsageError, match=says):
        expanded(path)


def test_no_short_folder_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no short folder can be written to, a sentence says what to set."""
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    monkeypatch.setattr(folders, "SHORT_FOLDERS", ())
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    with pytest.raises(UsageError, match="set TMPDIR to a shorter one"):
        processes([])
