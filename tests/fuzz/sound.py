"""What is damaged: a record, a checkpoint and images that are sound."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from safetensors.numpy import save

from harness.experiment.trial import Trial
from harness.plugins.loading import load_plugins
from harness.pretraining.checkpoint import FORMAT, Progress, _checksum
from harness.pretraining.store import CheckpointStore
from harness.results.record import Record

__all__ = ["Sound", "images", "sound_of"]

PRETRAINED = ["--budget", "meta_epochs=1,meta_shots=1,meta_batch=5,meta_tasks=1,channels=8"]
ARRAYS = {"state/alpha": np.zeros((2, 7), np.float32), "state/w": np.ones(3, np.float32)}


@dataclass(frozen=True)
class Sound:
    """Inputs that are well-formed.

    Attributes:
        photos: a data set, as people write it.
        images: what an archive of it holds, by name.
        record: a record as JSON.
        about: the metadata of a checkpoint but for its checksum.
        checkpoint: its bytes.
        pretrained: options of a run that needs it.
    """

    photos: str
    images: Mapping[str, bytes]
    record: dict[str, Any]
    about: Mapping[str, str]
    checkpoint: bytes
    pretrained: Sequence[str]

    def write_run(self, folder: Path, records: Sequence[dict[str, Any]]) -> Path:
        """Leave a run folder with these records, each under a key of its own."""
        trials = []
        for number, record in enumerate(records):
            own = {**record, "trial_key": f"key{number}", "seed": number}
            path = folder / "trials" / f"trial{number}"
            path.mkdir(parents=True)
            (path / "record.json").write_text(json.dumps(own), encoding="utf-8")
            trials.append({"trial_key": own["trial_key"], "folder": path.name})
        folder.mkdir(exist_ok=True)
        plan = {"schema": 1, "suites": ["table2"], "dataset_map": {}, "trials": trials}
        (folder / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
        return folder

    @staticmethod
    def sealed(about: Mapping[str, str]) -> bytes:
        """Return a checkpoint whose checksum holds, whatever its metadata say."""
        seal = _checksum({"format": FORMAT, **about}, ARRAYS)
        return save(dict(ARRAYS), metadata={"format": FORMAT, **about, "sha256": seal})


def images() -> dict[str, bytes]:
    """Return files of five classes in each of three splits, as names and PNGs."""
    found = {}
    for number, (split, label, image) in enumerate(
        (split, label, image)
        for split in ("train", "val", "test")
        for label in "abcde"
        for image in "01"
    ):
        file = io.BytesIO()
        Image.fromarray(np.full((8, 8, 3), number, np.uint8)).save(file, "PNG")
        found[f"{split}/{split}-{label}/{image}.png"] = file.getvalue()
    return found


def sound_of(trial: Trial, record: Record, photos: str, files: Mapping[str, bytes]) -> Sound:
    """Gather what is sound: a trial's record, and the checkpoint that it would start from."""
    pretraining = CheckpointStore(load_plugins(), None, Path()).identify(trial)
    assert pretraining is not None
    progress = Progress(meta_epochs=pretraining.budget.meta_epochs)
    about = {
        "pretraining": pretraining.model_dump_json(),
        "progress": progress.model_dump_json(),
    }
    return Sound(
        photos=photos,
        images=files,
        record=record.model_dump(mode="json", by_alias=True),
        about=about,
        checkpoint=Sound.sealed(about),
        pretrained=PRETRAINED,
    )
