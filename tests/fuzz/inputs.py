"""Malformed inputs of each kind, as a person would hand them over: files, and a command line."""

from __future__ import annotations

import io
import json
import os
import tarfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random

from tests.fuzz.mutation import TOKENS, damaged_bytes, damaged_json, damaged_text
from tests.fuzz.sound import Sound

__all__ = ["KINDS", "VARIABLES_FILE", "Given"]

VARIABLES_FILE = "variables.json"  # beside an input: the environment that goes with it

# Makes a malformed input in a folder from what is sound, and returns the command line for it.
Given = Callable[[Random, Path, Sound], list[str]]

SUITE = """
title = "two methods"
trials = [{ methods = ["darts"], datasets = ["PHOTOS"], queries = 1, budget = "meta_epochs=0" }]
"""
BLOCKS = """
title = "two methods"

[[trials]]
methods = ["onnas[q=1,micro_batches=5]", "darts"]
datasets = ["PHOTOS"]
devices = ["cpu", "jetson"]
mode = "emulated"
ways = 5
shots = 1
queries = 1
budget = "quick,meta_epochs=0,warmup_epochs=0,tasks=2"
seeds = "0-2"
counts_memory = true

[published]
source = "a paper"
file = "numbers.csv"
method = "onnas[q={q}]"
memory = "mb"
times.jetson = "seconds"
rows = [{ dataset = "photos", q = "3" }]
notes = [{ text = "a gap", where = { q = "3" } }]
labels.onnas = "all"
"""
PROFILE = """
name = "my-board"
model = "My board, 4 GB"
kind = "cuda"
recognised_by = ["*My Board*"]

[memory]
total_bytes = 4_294_967_296
system_bytes = 1_073_741_824
reserved_bytes = 402_653_184

[compute]
fp32_flops = 500e9
bandwidth_bytes_s = 50e9
launch_s = 20e-6

[sources]
memory.total_bytes = "data sheet"
memory.system_bytes = "read"
memory.reserved_bytes = "as elsewhere"
compute.fp32_flops = "data sheet"
compute.bandwidth_bytes_s = "data sheet"
compute.launch_s = "a guess"
"""
RUN = ["run", "-o", "run"]
FEW = ["--ways", "5", "--shots", "1", "--queries", "1", "--budget", "meta_epochs=0"]


def suite(random: Random, given: Path, sound: Sound) -> list[str]:
    """A suite file, run or reported on."""
    reports = random.random() < 0.2
    text = BLOCKS if reports else random.choice((SUITE, BLOCKS))
    (given / "mine.toml").write_bytes(damaged_text(random, text.replace("PHOTOS", sound.photos)))
    (given / "numbers.csv").write_bytes(
        damaged_text(random, "dataset,q,mb,seconds\nphotos,1,2,3\n")
    )
    path = str(given / "mine.toml")
    if reports:
        return ["report", str(sound.write_run(given / "told", [])), "--suite", path]
    return [*RUN, path]


def record(random: Random, given: Path, sound: Sound) -> list[str]:
    """A run folder with one of its files damaged, reported on or compared."""
    run = sound.write_run(given / "told", [sound.record, sound.record])
    files = [path for path in sorted(run.rglob("*.json")) if path.is_file()]
    victim = random.choice(files)
    if random.random() < 0.7:
        victim.write_bytes(damaged_json(random, json.loads(victim.read_text(encoding="utf-8"))))
    else:
        victim.write_bytes(damaged_text(random, victim.read_text(encoding="utf-8")))
    style = random.choice(("md", "csv", "latex"))
    return random.choice(
        (
            ["report", str(run), "--format", style, "--missing", "chance"],
            ["report", str(given), "--suite", "table2"],
            ["compare", str(run), str(run), "--json"],
            ["compare", str(run), "--paper"],
        )
    )


def profile(random: Random, given: Path, sound: Sound) -> list[str]:
    """A device profile, shown or run on."""
    (given / "board.toml").write_bytes(damaged_text(random, PROFILE))
    use = (
        ["show", "my-board"],
        [*RUN, "-m", "darts", "-d", "my-board", "--dataset", sound.photos, *FEW],
    )
    return random.choice(use)


def checkpoint(random: Random, given: Path, sound: Sound) -> list[str]:
    """A checkpoint: its bytes damaged, or whole by its checksum and wrong in what it says."""
    path = given / "onnas.safetensors"
    if random.random() < 0.5:
        path.write_bytes(damaged_bytes(random, sound.checkpoint))
    else:
        about = {key: json.loads(text) for key, text in sound.about.items()}
        part = random.choice(list(about))
        texts = {**sound.about, part: damaged_json(random, about[part]).decode(errors="replace")}
        path.write_bytes(sound.sealed(texts))
    return [
        *RUN, "-m", "onnas", "--dataset", sound.photos, "--checkpoint", str(path),
        *FEW[:-2], *sound.pretrained,
    ]  # fmt: skip


def archive(random: Random, given: Path, sound: Sound) -> list[str]:
    """An archive of images: its bytes damaged, or one that would leave its folder."""
    path = given / random.choice(("photos.tar.gz", "photos.tar"))
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w:gz" if path.suffix == ".gz" else "w") as tar:
        for name, content in sound.images.items():
            info = tarfile.TarInfo(name)
            if random.random() < 0.02:
                _spoil(random, info)
            info.size = len(content) if info.isreg() else 0
            tar.addfile(info, io.BytesIO(content))
    content = plain.getvalue()
    path.write_bytes(damaged_bytes(random, content) if random.random() < 0.7 else content)
    return [*RUN, "-m", "darts", "--dataset", f"folder[path={path},size=8]", *FEW]


def _spoil(random: Random, info: tarfile.TarInfo) -> None:
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE)
    info.type = random.choice((tarfile.REGTYPE, *kinds))
    info.name = random.choice(("../out.png", "/out.png", "..\\out.png", "a/../../out", info.name))
    info.linkname = random.choice(("/etc/passwd", "../..", ""))


LINES = (
    "run -m darts -d jetson --budget small,tasks=5 --seed 0-2 -o run",
    "run table2 -m onnas[q=1,micro_batches=5] --dataset-map miniimagenet=glyphs -o run --no-resume",
    "run figure9 --mode emulated --reporter csv --ways 5 --shots 1 --queries 2 -o run --json",
    "run -m onnas --checkpoint none.safetensors --no-count-memory -o run",
    "report run --format md --format csv --missing zero --suite table2 -o told",
    "report run --pictures drawn -o told.html",
    "compare run run --allow mode --fail-if-worse memory=5%,accuracy=2 --json",
    "compare run --paper --suite table2",
    "list methods --json",
    "list reporters",
    "show onnas",
    "show jetson --json",
    "plugins list --json",
    "plugins check onnas --json",
    "devices probe --json",
)


def command_line(random: Random, given: Path, sound: Sound) -> list[str]:
    """A sound command line with words that are damaged, missing, doubled or out of place."""
    words = random.choice(LINES).split()
    for _ in range(random.choice((1, 1, 2, 3))):
        number = random.randrange(len(words)) if words else 0
        match random.randrange(5):
            case 0:
                words[number : number + 1] = []
            case 1:
                words.insert(number, random.choice(TOKENS).replace("\x00", "\\0"))
            case 2:
                words.insert(number, random.choice(random.choice(LINES).split()))
            case 3:
                random.shuffle(words)
            case _:
                for word in words[number : number + 1]:
                    damaged = damaged_text(random, word).decode(errors="replace")
                    words[number] = damaged.replace("\x00", "\\0")
    # What would pass the time, and is no malformed input.
    return ["list", *words] if words[:2] == ["plugins", "check"] else words


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
    "suite": suite,
    "record": record,
    "profile": profile,
    "checkpoint": checkpoint,
    "archive": archive,
    "command-line": command_line,
}
