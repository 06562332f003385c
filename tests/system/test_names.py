"""Names in odd bytes, leftovers of systems, long names and names in lists are what they are."""

from __future__ import annotations

import io
import json
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from harness.cli.main import cli
from harness.contracts import DataRequest
from harness.data.images import Preprocessing
from harness.data.prepare import prepare_source
from harness.data.sources import ArchiveSource, FolderSource, open_source
from harness.errors import DataError, UsageError
from harness.experiment.outcome import Outcome, TrialError
from harness.planning.run_directory import DEFAULT_PARENT, RunFolder, choose_folder
from harness.plugins.loading import load_plugins
from harness.plugins.selection import select
from harness.results.load import load_results
from harness.system.files import write_whole
from harness.system.text import is_leftover, split_outside_brackets, written

LEFTOVERS = [
    "Thumbs.db", "thumbs.DB", "desktop.ini", "Icon\r", ".DS_Store", "._a.png", "ehthumbs.db",
    "a.png:Zone.Identifier", "a.png@SynoEAStream", ".nfs0001",
]  # fmt: skip
LEFTOVER_FOLDERS = ["@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", ".Trash-1000", "lost+found"]
NAMES = [f"{split}/{label}/0.png" for split in ("test", "train") for label in "ab"]


def png(level: int) -> bytes:
    """Return an image of one colour."""
    file = io.BytesIO()
    Image.new("L", (8, 8), level).save(file, "PNG")
    return file.getvalue()


def write(folder: Path, names: list[str]) -> Path:
    """Write images of these names, each of a colour of its own."""
    for number, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(number))
    return folder


@pytest.fixture
def prepared(tmp_path: Path) -> Callable[[Path], dict[str, list[str]]]:
    """Return `prepared(path)`: the classes of each split, read back from a fresh cache."""
    request = DataRequest(None, tmp_path / "cache", lambda _: None)

    def prepared(path: Path) -> dict[str, list[str]]:
        source = open_source(path)
        dataset = prepare_source(
            source, Preprocessing(8, "gray"), request, name="photos", kind="few-shot"
        )
        return {split: list(counts) for split, counts in dataset._cache.layout.counts.items()}

    return prepared


def test_names_in_other_bytes_are_told_apart(
    prepared: Callable[[Path], dict[str, list[str]]], tmp_path: Path
) -> None:
    """Classes in Latin-1, in half of a character and in bytes of no encoding keep apart."""
    labels = ["B\udce4r", "B\udcf6r", "\udcc3", "\udcff\udcfe"]
    write(tmp_path / "data", [f"test/{label}/\udce9.png" for label in labels])
    expected = sorted([r"B\xe4r", r"B\xf6r", r"\xc3", r"\xff\xfe"])
    assert sorted(prepared(tmp_path / "data")["test"]) == expected


def test_names_in_other_bytes_are_read_from_archives(
    prepared: Callable[[Path], dict[str, list[str]]], tmp_path: Path
) -> None:
    """The same names in a tar are the same classes."""
    with tarfile.open(tmp_path / "data.tar", "w") as tar:
        for label in ("B\udce4r", "B\udcf6r", "c"):
            info = tarfile.TarInfo(f"test/{label}/0.png")
            info.size = len(png(1))
            tar.addfile(info, io.BytesIO(png(1)))
    assert prepared(tmp_path / "data.tar") == {"test": [r"B\xe4r", r"B\xf6r", "c"]}


def test_a_name_that_looks_like_an_escape_is_no_other(tmp_path: Path) -> None:
    """A name with a real backslash that reads like an odd byte is refused, not taken for it."""
    write(tmp_path / "data", ["test/B\udce4r/0.png", r"test/B\xe4r/0.png"])
    request = DataRequest(None, tmp_path / "cache", lambda _: None)
    with pytest.raises(DataError, match="twice"):
        prepare_source(
            FolderSource(tmp_path / "data"),
            Preprocessing(8, "gray"),
            request,
            name="x",
            kind="few-shot",
        )


def test_other_bytes_in_parameters_are_refused() -> None:
    """A path that no record could name is refused in a sentence, which shows it escaped."""
    with pytest.raises(UsageError, match=r"'path' is 'B\\xe4r', which is not in UTF-8"):
        select(load_plugins(), "dataset", "folder[path=B\udce4r]")
    for arguments in (
        ["report", "B\udce4r"],
        ["run", "-o", "B\udce4r"],
        ["doctor", "-o", "\udce4"],
    ):
        result = CliRunner().invoke(cli, arguments)
        assert result.exit_code == 2
        assert "is not in UTF-8" in result.stderr


def test_errors_about_such_names_are_records() -> None:
    """What an exception says of a file is kept, with escapes, and read back."""
    error = TrialError(type="OSError", message="no file B\udce4r", stage="search")
    text = Outcome(status="error", error=error).model_dump_json()
    assert json.loads(text)["error"]["message"] == r"no file B\xe4r"


def test_text_about_such_names_is_written(tmp_path: Path) -> None:
    """A page that names a folder in other bytes is written, with escapes, in UTF-8."""
    write_whole(tmp_path / "page.html", "é B\udce4r")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == r"é B\xe4r"


@pytest.mark.parametrize("name", [*LEFTOVERS, *LEFTOVER_FOLDERS])
def test_leftovers_are_known(name: str) -> None:
    """What systems leave is known, whatever its capitals."""
    assert is_leftover(name)
    assert is_leftover(name.upper())


@pytest.mark.parametrize("name", ["Icon", "thumbs", "desktop", "my@eaDir", "recycle", "a.nfs", "_"])
def test_what_people_make_is_no_leftover(name: str) -> None:
    """Names that are like those of leftovers are people's own."""
    assert not is_leftover(name)


def test_leftovers_in_data_are_passed_over(
    prepared: Callable[[Path], dict[str, list[str]]], tmp_path: Path
) -> None:
    """At every depth of a folder and of an archive, they are neither splits, classes nor images."""
    folder = write(tmp_path / "data", NAMES)
    for place in ("", "test/", "test/a/"):
        for name in LEFTOVERS:
            (folder / f"{place}{name}").write_bytes(b"\0")
        for name in LEFTOVER_FOLDERS:
            (folder / f"{place}{name}/deep/er").mkdir(parents=True)
            (folder / f"{place}{name}/x.png").write_bytes(b"\0")
    expected = {"test": ["a", "b"], "train": ["a", "b"]}
    assert prepared(folder) == expected
    with tarfile.open(tmp_path / "data.tar.gz", "w:gz") as tar:
        tar.add(folder, "data")
    assert prepared(tmp_path / "data.tar.gz") == expected


def test_leftovers_in_other_folders_are_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run folders, folders of runs and of profiles may have them; an empty folder is one still."""
    for name in LEFTOVERS:
        (tmp_path / name).write_bytes(b"\0")
        (tmp_path / f"{name}.toml").write_bytes(b"\0")
        (tmp_path / f"{name}.toml").unlink()
    for name in LEFTOVER_FOLDERS:
        (tmp_path / name).mkdir()
    with RunFolder(tmp_path).locked():
        pass
    RunFolder(tmp_path).add_to_plan([])
    for name in LEFTOVER_FOLDERS:
        (tmp_path / "trials" / name).mkdir()
    assert load_results([tmp_path]).problems == ()
    monkeypatch.setenv("HARNESS_DEVICES", str(tmp_path))
    (tmp_path / "._board.toml").write_bytes(b"\0")
    assert [each for each in load_plugins().problems if "board" in str(each)] == []


@pytest.mark.parametrize("wrapper", ["photos", "my photos, old", "home/me/photos", "Ünï"])
def test_what_an_archive_is_wrapped_in_is_passed_over(
    wrapper: str, prepared: Callable[[Path], dict[str, list[str]]], tmp_path: Path
) -> None:
    """A folder that was packed as a whole is read like its content, READMEs beside or in it."""
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("README", b"")
        archive.writestr(f"{wrapper}/README.txt", b"")
        for number, name in enumerate(NAMES):
            archive.writestr(f"{wrapper}/{name}", png(number))
    assert prepared(path) == {"test": ["a", "b"], "train": ["a", "b"]}
    (name, file), *_ = ArchiveSource(path).open_each([NAMES[0]], 10_000)
    assert (name, file.read()) == (NAMES[0], png(0))


def test_two_wrappers_are_none(tmp_path: Path) -> None:
    """Images below two folders lie too deep, as before."""
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for wrapper in ("one", "two"):
            archive.writestr(f"{wrapper}/{NAMES[0]}", png(0))
    assert next(ArchiveSource(path).names()) == f"one/{NAMES[0]}"


def test_folders_of_long_names_are_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run named after long parameters has a name that encrypted folders take."""
    monkeypatch.chdir(tmp_path)
    folder = choose_folder(None, [], name="folder[path=" + "x" * 500 + "]-quick", resume=True)
    assert len(folder.name) <= 110
    assert folder.name.startswith("folder-path-xxx")
    kept = DEFAULT_PARENT / ("a" * 120 + "-" + folder.name.rpartition("-")[2])
    kept.mkdir(parents=True)
    assert choose_folder(None, [], name="a" * 120, resume=True) == kept


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("onnas darts", ["onnas", "darts"]),
        ("onnas[q=1, micro_batches=5]  darts", ["onnas[q=1, micro_batches=5]", "darts"]),
        ("f[path='/my photos/a ] b']\tglyphs", ["f[path='/my photos/a ] b']", "glyphs"]),
        ("f[path=it's mine] g", ["f[path=it's mine]", "g"]),
        ("a[b", ["a[b"]),
        ("  ", []),
    ],
)  # fmt: skip
def test_lists_are_split_outside_brackets(text: str, names: list[str]) -> None:
    """Blanks separate names, unless they are a parameter's."""
    assert split_outside_brackets(text) == names


def test_lists_in_the_environment_keep_their_parameters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path with blanks arrives whole from HARNESS_DATASET, as it does from --dataset."""
    monkeypatch.setenv("HARNESS_DATASET", f"folder[path={tmp_path}/my own photos,size=8]")
    monkeypatch.setenv("HARNESS_METHOD", "darts[engine=ordinary] random")
    result = CliRunner().invoke(cli, ["run", "-o", str(tmp_path / "run")])
    assert result.exit_code == 2
    assert f"'{tmp_path}/my own photos' does not exist" in result.stderr


def test_a_name_is_written_as_it_is() -> None:
    """Names in UTF-8, emoji and all, are not touched."""
    assert written("Bär 🐻 \\x") == "Bär 🐻 \\x"
