"""Text as people and their systems write it: files from any editor, names in any encoding.

Editors add a byte-order mark, write UTF-16, end lines in CRLF or CR, and leave trailing blanks;
spreadsheets add empty rows and columns, and separate by semicolons where a comma is the decimal
sign. None of that changes the meaning. Names of files may not be in UTF-8, may be very long, or may
be of files that an editor or system left behind.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

__all__ = [
    "BRACKETS",
    "NotTextError",
    "TomlFile",
    "decoded",
    "escaped",
    "is_leftover",
    "is_unicode",
    "parsed_toml",
    "plain",
    "read_cells",
    "read_text",
    "read_toml",
    "rounded",
    "shortened",
    "split_outside_brackets",
    "written",
]

# Files that Windows, macOS and network disks leave in folders, in lower case. Names that begin with
# a dot are hidden anyway (.DS_Store, ._photo.png, .nfs0001, .Trash-1000).
LEFTOVERS = {
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin",
    "system volume information", "__macosx", "icon\r", "network trash folder", "temporary items",
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "lost+found",
}  # fmt: skip
# Files that Samba and Synology keep beside others: `Thumbs.db:encryptable`, `a.png@SynoEAStream`.
LEFTOVER_ENDS = (":encryptable", ":zone.identifier", "@synoeastream", "@synoresource")

MOST = 100  # characters: encrypted folders take names of up to 143 bytes

# Parameters in brackets; a value that begins with a quote may hold brackets itself.
BRACKETS = r"""\[ (?: = \s* (?: "[^"]*" | '[^']*' ) | [^\]] )* \]"""
_NAME = re.compile(rf"(?: {BRACKETS} | [^\s\[] | \[ )+", re.VERBOSE)
# UTF-32 little-endian begins like UTF-16 little-endian does, so that it is asked for first.
MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
SEPARATORS = ",;\t"
_BLANK_ENDS = re.compile(r"[ \t\u00a0]+$", re.MULTILINE)


def is_leftover(name: str) -> bool:
    """Tell whether a file or folder is hidden, or was left by a system and not by a person."""
    lower = name.lower()
    return name.startswith(".") or lower in LEFTOVERS or lower.endswith(LEFTOVER_ENDS)


def is_unicode(text: str) -> bool:
    """Tell whether a name is valid UTF-8, so that JSON can hold it."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def written(name: str) -> str:
    r"""Return a name so that it can be written: bytes that are not in UTF-8 become `\xe4`."""
    return name if is_unicode(name) else "".join(map(escaped, name))


def escaped(sign: str) -> str:
    """Return a character, or an escape if it cannot be written."""
    code = ord(sign)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is not in UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if 0xD800 <= code <= 0xDFFF else sign


def plain(text: object, most: int = 500) -> str:
    """Return what somebody else says in a line, without what a terminal would act on."""
    return "".join(sign if sign.isprintable() else " " for sign in str(text))[:most].strip()


def rounded(amount: float, digits: int = 1) -> str:
    """Write an amount with so many decimal places; one below 1 with two significant digits."""
    return f"{amount:,.{digits}f}" if amount >= 1 else f"{amount:.2g}"


def shortened(name: str, most: int = MOST) -> str:
    """Cut a name that a digest follows, so that no file system finds it too long."""
    return name[:most].rstrip("-._") if len(name) > most else name


def split_outside_brackets(text: str) -> list[str]:
    """Split the list of an environment variable at blanks, but not at blanks within brackets."""
    return _NAME.findall(text)


if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class NotTextError(ValueError):
    """A file is not text, or not of the wanted kind; the message is a clause with subject `it`."""


def read_text(path: Path) -> str:
    """Read a text file of a person's, see `decoded`.

    Raises:
        NotTextError: it is in another encoding, or no text.
        OSError: it cannot be read.
    """
    return decoded(path.read_bytes())


class TomlFile(NamedTuple):
    """The text of a TOML file, in which a mistake's line can be found, and its parsed table."""

    text: str
    table: dict[str, Any]


def read_toml(path: Path) -> TomlFile:
    """Read a TOML file of a person's.

    Raises:
        NotTextError: it cannot be read, is in another encoding, or is not TOML.
    """
    try:
        text = read_text(path)
    except OSError as error:
        raise NotTextError(f"it cannot be read: {error.strerror or error}") from None
    return TomlFile(text, parsed_toml(text))


def parsed_toml(text: str) -> dict[str, Any]:
    """Parse TOML.

    Raises:
        NotTextError: it is not TOML; the message has the line.
    """
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # also of numbers and nesting without end
        raise NotTextError(f"it is not valid TOML: {error}") from None


def decoded(content: bytes) -> str:
    r"""Return text without byte-order mark and blank ends, its lines ending in `\n`.

    Args:
        content: UTF-8, or the encoding that a byte-order mark names.

    Raises:
        NotTextError: it is in another encoding, or not text.
    """
    mark = next((each for each in MARKS if content.startswith(each)), b"")
    try:
        text = content[len(mark) :].decode(MARKS.get(mark, "utf-8"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise NotTextError(f"it is not in UTF-8 (line {line}); save it as UTF-8") from None
    text = text.rstrip("\x1a")  # what DOS ended files with
    return _BLANK_ENDS.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def read_cells(text: str) -> tuple[list[str], list[dict[str, str]]]:
    """Read CSV with a heading line, as spreadsheets write it.

    Blanks around cells, empty rows and columns, and empty lines are ignored. The separator is the
    comma, semicolon or tab, whichever occurs most in the heading.

    Returns:
        The headings, and each row's cells by their headings; missing cells are empty.

    Raises:
        ValueError: a row has more cells than there are headings, or the CSV is malformed.
    """
    lines = text.lstrip("\n")
    heading = lines.partition("\n")[0]
    separator = max(SEPARATORS, key=heading.count)
    try:
        every = list(csv.reader(io.StringIO(lines), delimiter=separator, skipinitialspace=True))
    except csv.Error as error:
        raise ValueError(str(error)) from None
    rows = [[cell.strip() for cell in row] for row in every if any(map(str.strip, row))]
    if not rows:
        return [], []
    headings, *others = rows
    return [each for each in headings if each], [_by_heading(headings, row) for row in others]


def _by_heading(headings: list[str], row: list[str]) -> dict[str, str]:
    """Put cells under their headings; a cell under none must be empty."""
    if any(row[len(headings) :]):
        raise ValueError(f"a row has {len(row)} cells under {len(headings)} headings")
    cells = row + [""] * (len(headings) - len(row))
    found = {name: cell for name, cell in zip(headings, cells, strict=False) if name}
    if any(cell for name, cell in zip(headings, cells, strict=False) if not name):
        raise ValueError("a row has a cell under no heading")
    return found
