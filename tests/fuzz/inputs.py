"""Malformed inputs of each kind, as a person would hand them over: files, and a command line."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Callable
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


KINDS: dict[str, Given] = {
    "suite": suite,
    "record": record,
    "profile": profile,
    "checkpoint": checkpoint,
    "archive": archive,
    "command-line": command_line,
}
