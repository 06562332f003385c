"""Malformed inputs of what machines, editors and habits do: encodings, names, variables, pipes."""

from __future__ import annotations

import io
import json
import os
import tarfile
from contextlib import suppress
from pathlib import Path
from random import Random

from tests.fuzz.inputs import BLOCKS, FEW, PROFILE, RUN, VARIABLES_FILE, Given
from tests.fuzz.sound import Sound

__all__ = ["KINDS"]

ENCODINGS = ("utf-8-sig", "utf-16", "utf-16-le", "utf-32", "latin-1", "cp1252", "shift-jis")
ENDS = ("\n", "\r\n", "\r", " \t\n", "\n\n", "\x85", "\u2028")


def saved_elsewhere(random: Random, given: Path, sound: Sound) -> list[str]:
    """A suite with numbers or a profile, as some editor or spreadsheet of some system saves it."""
    is_suite = random.random() < 0.6
    text = BLOCKS.replace("PHOTOS", sound.photos) if is_suite else PROFILE
    text = text.replace("a paper", random.choice(("a paper", "Bär", "論文")))
    text = text.replace("\n", random.choice(ENDS)).replace("data sheet", "Ünï")
    encoding = random.choice(ENCODINGS)
    path = given / ("mine.toml" if is_suite else "board.toml")
    path.write_bytes(text.encode(encoding, "replace") + random.choice((b"", b"", b"\x1a", b"\0")))
    separator = random.choice((",", ";", "\t", "|"))
    rows = ("dataset,q,mb,seconds", "photos,1,2,3", random.choice(("", ",,,", "photos,1,2,3,4")))
    numbers = random.choice(ENDS).join(rows).replace(",", separator)
    (given / "numbers.csv").write_bytes(numbers.encode(random.choice(ENCODINGS), "replace"))
    if not is_suite:
        return ["show", "my-board"]
    return ["report", str(sound.write_run(given / "told", [])), "--suite", str(path)]


ODD_NAMES = (
    "Thumbs.db", "desktop.ini", "Icon\r", "@eaDir", "._0.png", "B\udce4r", "\udcff", "a\nb", "a b",
    "a[b", "a,b", "a=b", "'", '"', "~", "~x", "\\", "-x", "x" * 255, "\u202e", "é", "e\u0301",
    "con", "a.",
)  # fmt: skip


def odd_names(random: Random, given: Path, sound: Sound) -> list[str]:
    """A folder or an archive with odd names at any place, reached by an odd path."""
    root = given / random.choice([name for name in ODD_NAMES if len(name) < 50])
    names = dict(sound.images)
    for _ in range(random.choice((1, 2, 5))):
        parts = random.choice(list(names)).split("/")
        parts[random.randrange(len(parts))] = random.choice(ODD_NAMES)
        if random.random() < 0.3:
            parts.insert(random.randrange(len(parts)), random.choice(ODD_NAMES))
        names["/".join(parts)] = random.choice(list(sound.images.values()))
    if random.random() < 0.5:
        root = root.with_name(f"{root.name}.tar")
        wrapper = random.choice(("", "", "photos/", "B\udce4r/x/"))
        with tarfile.open(root, "w") as tar:
            for name, content in names.items():
                info = tarfile.TarInfo(wrapper + name)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    else:
        for name, content in names.items():
            with suppress(OSError):  # a file where a folder is
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_bytes(content)
    quote = "'" if '"' in str(root) else '"'
    return [*RUN, "-m", "darts", "--dataset", f"folder[path={quote}{root}{quote},size=8]", *FEW]


VARIABLES = (
    "HARNESS_METHOD", "HARNESS_DEVICE", "HARNESS_DEVICES", "HARNESS_REPORTER", "HARNESS_DATA",
    "HARNESS_BUDGET", "HARNESS_SEED", "HARNESS_JOBS", "HOME", "XDG_CACHE_HOME", "MPLBACKEND",
    "MATPLOTLIBRC", "FORCE_COLOR", "COLUMNS", "TERM", "NO_COLOR", "PYTHONIOENCODING", "LC_ALL",
)  # fmt: skip
SETTINGS = (
    "", " ", "~", "~/x", "~x", "~/x\r", "/", ".", "/nope:~/y:", "1", "0", "none", "all", "nonsense",
    "darts random", "darts[engine=ordinary] random", "onnas[q=1, g=2]", "onnas[q=", "x" * 5000,
    "folder[path=a b]", "folder[path='~/a ] b',size=8] x", "B\udce4r", "a\nb", "module://mine",
)  # fmt: skip


def environment(random: Random, given: Path, sound: Sound) -> list[str]:
    """A sound command with variables as containers, editors, shells and CI leave them."""
    count = random.choice((1, 1, 2, 4))
    chosen = {random.choice(VARIABLES): random.choice(SETTINGS) for _ in range(count)}
    (given / VARIABLES_FILE).write_text(json.dumps(chosen), encoding="utf-8")
    return random.choice(
        (
            [*RUN, "-m", "darts", "--dataset", sound.photos, *FEW],
            [*RUN, "--dataset", sound.photos, *FEW[:-2]],
            ["list", "devices"],
            ["report", str(sound.write_run(given / "told", [sound.record])), "--format", "latex"],
        )
    )


def special_files(random: Random, given: Path, sound: Sound) -> list[str]:
    """Photos with what is no file among them, or with classes and images in two splits."""
    root = given / "photos"
    for name, content in sound.images.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    for _ in range(random.choice((1, 2, 5))):
        name = random.choice([*sound.images, "README", "train/x"])
        path = root / name
        change = random.choice(("pipe", "loop", "nowhere", "folder", "copy", "class"))
        if change in ("copy", "class"):  # its image or its class becomes another split's as well
            _, label, image = f"{name}///".split("/")[:3]
            other = root / random.choice(("test", "train")) / (label if change == "class" else "z")
            other.mkdir(parents=True, exist_ok=True)
            (other / (image or "0.png")).write_bytes(random.choice(list(sound.images.values())))
            continue
        with suppress(OSError):
            path.unlink(missing_ok=True)
            if change == "pipe":
                os.mkfifo(path)
            elif change == "folder":
                path.mkdir()
            else:
                path.symlink_to(path if change == "loop" else root / "not there")
    budget = random.choice((FEW[-2:], sound.pretrained))
    return [*RUN, "-m", "darts", "--dataset", f"folder[path={root},size=8]", *FEW[:-2], *budget]


KINDS: dict[str, Given] = {
    "environment": environment,
    "special-files": special_files,
    "saved-elsewhere": saved_elsewhere,
    "odd-names": odd_names,
}
