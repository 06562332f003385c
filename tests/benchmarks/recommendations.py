"""Whether what is recommended keeps its promise: another run is set beside what was said of it.

`HARNESS_DATA=... python -m tests.benchmarks.recommendations FOLDER [SEEDS]` makes three folders of
photos, of different sizes and numbers of classes. For each seed it has a method recommended, and
runs that again with the next seed, so with other photos held out and other first weights. It counts
in how many seeds the other run kept the limit, and in how many its accuracy lay in the interval
that was told. Small images and few channels keep it within half an hour of one core.
What is done is written to FOLDER/rows.jsonl, and not done again.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from PIL import Image

import harness
from tests.adaptation.test_real_photos import images_of

DEVICE = "jetson"
SCALE: dict[str, Any] = {"size": 16, "channels": 4, "epochs": 12, "race_s": 5.0}
HELD_TO = 8, 10  # so many of so many seeds


class Case(NamedTuple):
    """A folder of photos to make of an archive, and the limit to keep."""

    archive: str
    split: str
    classes: int
    photos: int  # of each class
    memory_mib: float | None = None  # the device's own, where none is given

    @property
    def name(self) -> str:
        return f"{self.archive}-{self.classes}x{self.photos}"


CASES = (
    Case("tinyimagenet-fewshot", "train", 3, 20, memory_mib=16.0),
    Case("tinyimagenet-fewshot", "test", 5, 30),
    Case("cifar10", "train", 10, 20),
)


def make_photos(case: Case, folder: Path) -> Path:
    """Write the photos of a case as PNG, class by class, unless they are there."""
    if folder.exists():
        return folder
    archive = Path(os.environ["HARNESS_DATA"]) / f"{case.archive}.tar.gz"
    counts: Counter[str] = Counter()
    for label, content in images_of(archive, case.split, case.classes, case.photos):
        (folder / label).mkdir(parents=True, exist_ok=True)
        image = Image.open(io.BytesIO(content)).convert("RGB")
        image.save(folder / label / f"{counts[label]:03d}.png")
        counts[label] += 1
    return folder


def checked(photos: Path, output: Path, seed: int, again: int, **options: Any) -> dict[str, Any]:
    """Have a method recommended, run it with another seed, and return both side by side."""
    found = harness.recommend(photos, device=DEVICE, seed=seed, **options)
    row: dict[str, Any] = {"photos": photos.name, "seed": seed}
    if found.choice is None or found.rehearsal is None or found.expected is None:
        return {**row, "choice": found.sentence}
    model, method = output / f"{photos.name}-{seed}", found.choice.label
    try:
        adapted = harness.adapt(photos, model, method=method, device=DEVICE, seed=again, **options)
    except harness.HarnessError as error:
        return {**row, "choice": method, "failed": str(error)}
    counted = adapted.record.metrics["peak_memory"].value or 0.0
    (low, high), accuracy = found.expected, adapted.judgement.accuracy
    limit = (found.limits.memory_bytes or 0) / 2**20
    return {
        **row,
        "choice": method,
        "photos held out": found.rehearsal.total,
        "limit MiB": limit,
        "told MiB": (found.choice.memory_bytes or 0) / 2**20,
        "counted MiB": counted,
        "keeps limit": counted <= limit,
        "rehearsed %": found.rehearsal.accuracy,
        "low %": low,
        "high %": high,
        "another run %": accuracy,
        "in interval": bool(low - 1e-9 <= accuracy <= high + 1e-9),
    }


def rows_of(case: Case, folder: Path, seeds: Sequence[int], **options: Any) -> Iterator[Any]:
    """Give the row of each seed, those that were written before included."""
    file = folder / "rows.jsonl"
    known = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    photos = make_photos(case, folder / case.name)
    for seed in seeds:
        there = [row for row in known if (row["photos"], row["seed"]) == (photos.name, seed)]
        if not there:
            again = seeds[(seeds.index(seed) + 1) % len(seeds)]
            wanted = {**SCALE, "memory_mib": case.memory_mib, **options}
            there = [checked(photos, folder / "models", seed, again, **wanted)]
            with file.open("a") as written:
                written.write(json.dumps(there[0]) + "\n")
        yield there[0]


def main(folder: Path, seeds: int = HELD_TO[1], cases: int = len(CASES), **options: Any) -> Any:
    """Check all cases with so many seeds; return the table, which is printed as it grows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for case in CASES[:cases]:
        for row in rows_of(case, folder, range(seeds), **options):
            rows.append(row)
            print(row, flush=True)  # noqa: T201 - a script
    table = pd.DataFrame(rows)
    print(table.to_string())  # noqa: T201 - a script
    held = table.groupby("photos")[["keeps limit", "in interval"]].sum()
    print(held.to_string())  # noqa: T201 - as above
    return table


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
