"""Whether what is recommended keeps its promise: it is run, and set beside what was said of it.

`HARNESS_DATA=... python -m tests.benchmarks.recommendations FOLDER [SEEDS]` takes three folders of
photos, and prints for each seed the choice, whether its run kept the limit and the estimate, and
whether its accuracy lies in the interval that the race had shown. It takes minutes a seed.
"""

from __future__ import annotations

import io
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from PIL import Image

import harness
from tests.adaptation.test_real_photos import images_of

DEVICE = "jetson"
HELD_TO = 8, 10  # so many of so many seeds


class Case(NamedTuple):
    """A folder of photos to make of an archive."""

    archive: str
    split: str
    classes: int
    photos: int  # of each class


CASES = (
    Case("tinyimagenet-fewshot", "test", 5, 30),
    Case("cifar10", "train", 10, 40),
    Case("tinyimagenet-fewshot", "train", 3, 20),
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


def checked(photos: Path, output: Path, seed: int, **options: Any) -> dict[str, Any]:
    """Recommend a method, run it, and return what was said beside what came of it."""
    found = harness.recommend(photos, device=DEVICE, seed=seed, **options)
    choice = found.choice
    if choice is None:
        return {"seed": seed, "choice": found.sentence}
    model = output / f"{photos.name}-{seed}"
    adapted = harness.adapt(photos, model, method=choice.label, device=DEVICE, seed=seed, **options)
    counted = adapted.record.metrics["peak_memory"].value or 0.0
    low, high = choice.interval or (0.0, 100.0)
    limit = found.limits.memory_bytes
    return {
        "photos": photos.name,
        "seed": seed,
        "choice": choice.label,
        "estimated MiB": (choice.cost.peak_bytes or 0) / 2**20,
        "counted MiB": counted,
        "keeps limit": limit is None or counted * 2**20 <= limit,
        "keeps estimate": counted * 2**20 <= (choice.memory_bytes or 0),
        "interval": f"{low:.0f} to {high:.0f}",
        "accuracy": adapted.judgement.accuracy,
        "in interval": low <= adapted.judgement.accuracy <= high,
    }


def main(folder: Path, seeds: int = HELD_TO[1], cases: int = len(CASES), **options: Any) -> Any:
    """Check all cases with so many seeds; return the table, which is printed as it grows."""
    rows = []
    for case in CASES[:cases]:
        photos = make_photos(case, folder / f"{case.archive}-{case.classes}x{case.photos}")
        for seed in range(seeds):
            rows.append(checked(photos, folder / "models", seed, **options))
            print(rows[-1], flush=True)  # noqa: T201 - a script
    table = pd.DataFrame(rows)
    print(table.to_string())  # noqa: T201 - a script
    return table


if __name__ == "__main__":
    main(Path(sys.argv[1]), *map(int, sys.argv[2:4]))
