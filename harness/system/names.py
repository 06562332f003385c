"""Names that people's systems give and leave: not in UTF-8, very long, of nobody's making."""

from __future__ import annotations

import re

__all__ = [
    "BRACKETS",
    "escaped",
    "is_leftover",
    "is_unicode",
    "shortened",
    "split_outside_brackets",
    "written",
]

# What Windows, macOS and network disks leave in folders, in lower case; what begins with a dot is
# hidden anyway (.DS_Store, ._photo.png, .nfs0001, .Trash-1000).
LEFTOVERS = {
    "thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "$recycle.bin",
    "system volume information", "__macosx", "icon\r", "network trash folder", "temporary items",
    "@eadir", "@tmp", "@recycle", "@recently-snapshot", "#recycle", "#snapshot", "lost+found",
}  # fmt: skip
# Of what Samba and Synology keep beside files: `Thumbs.db:encryptable`, `a.png@SynoEAStream`.
LEFTOVER_ENDS = (":encryptable", ":zone.identifier", "@synoeastream", "@synoresource")

MOST = 100  # characters: encrypted folders take names of up to 143 bytes


def is_leftover(name: str) -> bool:
    """Tell whether a file or folder is hidden, or one that a system leaves, and no person's."""
    lower = name.lower()
    return name.startswith(".") or lower in LEFTOVERS or lower.endswith(LEFTOVER_ENDS)


def is_unicode(text: str) -> bool:
    """Tell whether a name has no byte that is not in UTF-8, so that JSON can hold it."""
    return not any("\ud800" <= sign <= "\udfff" for sign in text)


def written(name: str) -> str:
    r"""Return a name so that it can be written: bytes that are not in UTF-8 become `\xe4`."""
    return name if is_unicode(name) else "".join(map(escaped, name))


def escaped(sign: str) -> str:
    """Return a character that cannot be written as an escape, any other as it is."""
    code = ord(sign)
    if 0xDC80 <= code <= 0xDCFF:  # how Python keeps a byte that is not in UTF-8
        return f"\\x{code - 0xDC00:02x}"
    return f"\\u{code:04x}" if 0xD800 <= code <= 0xDFFF else sign


def shortened(name: str, most: int = MOST) -> str:
    """Cut a name that a digest follows, so that no file system finds it too long."""
    return name[:most].rstrip("-._") if len(name) > most else name


# Parameters in brackets; a value that begins with a quote may hold brackets itself.
BRACKETS = r"""\[ (?: = \s* (?: "[^"]*" | '[^']*' ) | [^\]] )* \]"""

_NAME = re.compile(rf"(?: {BRACKETS} | [^\s\[] | \[ )+", re.VERBOSE)


def split_outside_brackets(text: str) -> list[str]:
    """Split what an environment variable lists at blanks, but not at those within brackets."""
    return _NAME.findall(text)
