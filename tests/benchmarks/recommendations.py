"""Whether what is recommended keeps its promise: the choice is run again, and set beside it.

`HARNESS_DATA=... python -m tests.benchmarks.recommendations FOLDER [SEEDS]` makes three folders of
photos, of different sizes and numbers of classes, has a method recommended for each, and runs that
with as many other seeds, so with other photos held out and other first weights. It counts how many
of these runs kept the limit, and of how many the accuracy lay in the interval that was told. An
interval follows from one run, the rehearsal: so each of the runs is also taken for one, and all
others are set beside what it would have told. Small images and few channels keep it within 20
minutes of one core. What is done stays in the cache and in FOLDER, and is not done again.
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from PIL import Image

import harness
from harness.models.judging import another_run
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
    Case("cifar10", "train", 10, 12),
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


def rows_of(case: Case, folder: Path, seeds: int, **options: Any) -> Iterator[dict[str, Any]]:
    """Give the rehearsal of what is recommended, and then its runs with other seeds."""
    photos = make_photos(case, folder / case.name)
    asked = {"device": DEVICE, **SCALE, "memory_mib": case.memory_mib, **options}
    found = harness.recommend(photos, seed=0, **asked)
    if found.choice is None or found.rehearsal is None or found.expected is None:
        raise SystemExit(found.sentence)
    print(found.sentence, flush=True)  # noqa: T201 - a script
    for seed in range(seeds + 1):
        model = folder / "models" / f"{case.name}-{seed}"
        if model.exists():
            record = json.loads((model / "record.json").read_text())
        else:
            adapted = harness.adapt(photos, model, method=found.choice.label, seed=seed, **asked)
            record = adapted.record.model_dump(mode="json", by_alias=True)
        metrics, total = record["metrics"], found.rehearsal.total
        limit = (found.limits.memory_bytes or 0) / 2**20
        yield {
            "photos": case.name,
            "choice": found.choice.label,
            "seed": seed,
            "right": round(metrics["accuracy"]["value"] * total / 100),
            "held out": total,
            "low %": found.expected[0],
            "high %": found.expected[1],
            "accuracy %": metrics["accuracy"]["value"],
            "counted MiB": metrics["peak_memory"]["value"],
            "limit MiB": limit,
            "keeps limit": metrics["peak_memory"]["value"] <= limit,
        }


def is_expected(right: int, other: int, total: int) -> bool:
    """Tell whether another run lies where one that was right about so many says that it will."""
    low, high = another_run(right, total)
    return low - 1e-9 <= 100 * other / total <= high + 1e-9


def summary(rows: pd.DataFrame) -> dict[str, Any]:
    """Return what came of the runs on a folder, of which the first is the rehearsal."""
    first, *others = rows["right"]
    total = int(rows["held out"].iloc[0])
    pairs = [is_expected(*pair, total) for pair in permutations(rows["right"], 2)]
    return {
        "photos": rows["photos"].iloc[0],
        "choice": rows["choice"].iloc[0],
        "held out": total,
        "runs": len(others),
        "keep the limit": int(rows["keeps limit"].iloc[1:].sum()),
        "in the interval": sum(is_expected(first, other, total) for other in others),
        "of all pairs, %": 100 * sum(pairs) / len(pairs),
        "rehearsed %": rows["accuracy %"].iloc[0],
        "told %": f"{rows['low %'].iloc[0]:.0f} to {rows['high %'].iloc[0]:.0f}",
        "least %": rows["accuracy %"].iloc[1:].min(),
        "most %": rows["accuracy %"].iloc[1:].max(),
    }


def main(folder: Path, seeds: int = HELD_TO[1], cases: int = len(CASES), **options: Any) -> Any:
    """Check all cases with so many seeds; return the table, which is printed as it grows."""
    folder.mkdir(parents=True, exist_ok=True)
    found = []
    for case in CASES[:cases]:
        rows = []
        for row in rows_of(case, folder, seeds, **options):
            rows.append(row)
            print(row, flush=True)  # noqa: T201 - a script
        found.append(summary(pd.DataFrame(rows)))
        print(found[-1], flush=True)  # noqa: T201 - as above
    table = pd.DataFrame(found)
    print(table.to_string())  # noqa: T201 - as above
    return table


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
