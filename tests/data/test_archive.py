"""Archives are read in memory, and every unsafe or damaged one is refused by name."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from harness.data.archive import ArchiveLimits, read_members
from harness.errors import DataError

Pack = Callable[[Path, Mapping[str, bytes]], Path]

FORMATS = ["tar", "tar.gz", "tgz", "zip"]
FILES = {"train/a/0.png": b"zero" * 200, "train/a/1.png": b"", "test/b/2.png": bytes(5000)}


def contents(path: Path, limits: ArchiveLimits | None = None) -> dict[str, bytes]:
    return {name: read() for name, read in read_members(path, limits or ArchiveLimits())}


def tar_with(path: Path, info: tarfile.TarInfo, content: bytes = b"") -> Path:
    with tarfile.open(path, "w:gz") as archive:
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("suffix", FORMATS)
def test_regular_files_are_read(tmp_path: Path, pack: Pack, suffix: str) -> None:
    """Every format gives the members' names and bytes."""
    assert contents(pack(tmp_path / f"x.{suffix}", FILES)) == FILES


def test_names_are_brought_to_one_form(tmp_path: Path, pack: Pack) -> None:
    """A leading `./`, doubled slashes and backslashes lead to the same plain name."""
    names = ["./a/b/0", "a//b/1", "a\\b\\2", "./a/./b/3"]
    archive = pack(tmp_path / "x.tar", dict.fromkeys(names, b""))
    assert list(contents(archive)) == ["a/b/0", "a/b/1", "a/b/2", "a/b/3"]


def test_folders_are_passed_over(tmp_path: Path) -> None:
    """A folder among the members is no file."""
    folder = tarfile.TarInfo("train")
    folder.type = tarfile.DIRTYPE
    assert contents(tar_with(tmp_path / "x.tar.gz", folder)) == {}
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("train/", b"")
    assert contents(tmp_path / "x.zip") == {}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", ["/etc/passwd", "\\\\host\\x", "C:\\x", "c:x"])
def test_absolute_path_is_refused(tmp_path: Path, pack: Pack, suffix: str, name: str) -> None:
    """A member with an absolute path, of any system, makes the archive unsafe."""
    with pytest.raises(DataError, match=r"is refused: .* has an absolute path"):
        contents(pack(tmp_path / f"x.{suffix}", {name: b""}))


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", ["../x", "train/../../x", "train\\..\\x", ".."])
def test_path_out_of_the_folder_is_refused(
    tmp_path: Path, pack: Pack, suffix: str, name: str
) -> None:
    """A member whose path goes up, anywhere in it, makes the archive unsafe."""
    with pytest.raises(DataError, match=r"is refused: .* leaves the folder through '\.\.'"):
        contents(pack(tmp_path / f"x.{suffix}", {name: b""}))


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE],
    ids=["symbolic link", "hard link", "character device", "block device", "pipe"],
)
def test_special_file_in_tar_is_refused(tmp_path: Path, kind: bytes) -> None:
    """Links, devices and pipes make a tar archive unsafe, even hidden ones that are not read."""
    info = tarfile.TarInfo(".hidden")
    info.type, info.linkname = kind, "train"
    with pytest.raises(DataError, match=r"is refused: .* is a link, a device or another special"):
        contents(tar_with(tmp_path / "x.tar.gz", info))


def test_symbolic_link_in_zip_is_refused(tmp_path: Path) -> None:
    """A link makes a zip archive unsafe."""
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="is refused: member 'link' is a link"):
        contents(tmp_path / "x.zip")


def test_encrypted_zip_is_refused(tmp_path: Path, pack: Pack) -> None:
    """A member that needs a password is named."""
    archive = pack(tmp_path / "x.zip", {"a": b"secret"})
    content = bytearray(archive.read_bytes())
    content[6] |= 1  # the flag in the member's own header, and in the directory at the end
    content[content.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="member 'a' is encrypted"):
        contents(archive)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(
    ("limits", "reason"),
    [
        (ArchiveLimits(total_bytes=4999), "holds more than 4,999 bytes"),
        (ArchiveLimits(member_bytes=4999), "is larger than 4,999 bytes"),
        (ArchiveLimits(members=2), "has more than 2 members"),
    ],
    ids=["total", "member", "count"],
)
def test_bounds_hold(
    tmp_path: Path, pack: Pack, suffix: str, limits: ArchiveLimits, reason: str
) -> None:
    """An archive beyond the bound on bytes, on a member's bytes or on members is refused."""
    with pytest.raises(DataError, match=reason):
        contents(pack(tmp_path / f"x.{suffix}", FILES), limits)


def test_bytes_are_counted_and_not_taken_on_trust(tmp_path: Path, pack: Pack) -> None:
    """Bytes behind the end of a tar archive, which no header speaks of, count as well."""
    plain = pack(tmp_path / "x.tar", {"a": b"x"}).read_bytes()
    bomb = tmp_path / "x.tar.gz"
    bomb.write_bytes(gzip.compress(plain + bytes(10**6)))
    with pytest.raises(DataError, match="holds more than 500,000 bytes"):
        contents(bomb, ArchiveLimits(total_bytes=500_000))


def test_header_of_any_size_is_refused_before_it_is_read(tmp_path: Path) -> None:
    """An extended header that claims a terabyte does not make tarfile ask for the memory."""
    info = tarfile.TarInfo("huge")
    info.type, info.size = tarfile.XHDTYPE, 2**40
    bomb = tmp_path / "x.tar.gz"
    bomb.write_bytes(gzip.compress(info.tobuf(tarfile.GNU_FORMAT) + bytes(10**5)))
    with pytest.raises(DataError, match="headers is larger than any member may be"):
        contents(bomb)


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.6, 0.99])
def test_truncated_archive_is_named(tmp_path: Path, pack: Pack, suffix: str, part: float) -> None:
    """An archive that lacks its end, wherever it was cut, is an error with the file's name."""
    archive = pack(tmp_path / f"x.{suffix}", FILES)
    content = archive.read_bytes().rstrip(b"\0")
    archive.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(DataError, match=rf"x\.{suffix}' is truncated or corrupt"):
        contents(archive)


def test_tar_cut_between_members_is_noticed(tmp_path: Path, pack: Pack) -> None:
    """A cut at a member's end, which tarfile takes for the archive's end, is noticed."""
    archive = pack(tmp_path / "x.tar", {"a": bytes(512), "b": bytes(512)})
    archive.write_bytes(archive.read_bytes()[:1024])
    with pytest.raises(DataError, match="is truncated or corrupt"):
        contents(archive)


def test_broken_header_in_the_middle_is_noticed(tmp_path: Path, pack: Pack) -> None:
    """A header with a wrong checksum, which tarfile takes for the archive's end, is noticed."""
    archive = pack(tmp_path / "x.tar", {"a": b"", "b": b""})
    content = bytearray(archive.read_bytes())
    content[512] ^= 1  # the name of the second member
    archive.write_bytes(content)
    with pytest.raises(DataError, match="a header is broken"):
        contents(archive)


@pytest.mark.parametrize("suffix", ["tar.gz", "zip"])
def test_flipped_bit_is_noticed(tmp_path: Path, pack: Pack, suffix: str) -> None:
    """Content that does not match its checksum is an error."""
    archive = pack(tmp_path / f"x.{suffix}", {"a": bytes(range(256))})
    content = bytearray(archive.read_bytes())
    content[100] ^= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="is truncated or corrupt"):
        contents(archive)


def test_missing_archive_is_named(tmp_path: Path) -> None:
    """An archive that is not there is said not to exist, and not to be corrupt."""
    with pytest.raises(DataError, match=r"x\.zip' cannot be opened \(No such file or directory\)"):
        contents(tmp_path / "x.zip")


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_damage_raises_anything_else(tmp_path: Path, pack: Pack, suffix: str) -> None:
    """Whatever bytes are overwritten, the archive is read or refused in one sentence."""
    archive = pack(tmp_path / f"x.{suffix}", FILES)
    whole = archive.read_bytes()
    random = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(whole)
        for place in random.integers(len(whole), size=3):
            damaged[place] = random.integers(256)
        archive.write_bytes(damaged)
        with suppress(DataError):
            contents(archive)
