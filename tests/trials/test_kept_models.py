"""A trial whose network cannot be kept is as good as it was; its record says why there is none."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
import torch

from harness.contracts import Dataset, SearchMethod
from harness.models.folder import ModelError
from harness.trials import models
from harness.trials.session import Session


class Kept:
    """A method that has a model to give."""

    def deployable(self) -> Any:
        return SimpleNamespace(
            architecture=SimpleNamespace(classes=2, image_shape=(1, 8, 8)), tensors={}
        )


class Described:
    """Data that tells how its images are prepared."""

    def description(self) -> Any:
        return SimpleNamespace(classes=None)


def no_room(*_: object) -> float:
    raise torch.OutOfMemoryError("tried to allocate 20 MiB")


def full_disk(*_: object) -> float:
    raise ModelError("model cannot be written: No space left on device")


@pytest.mark.parametrize(
    ("difference", "said"),
    [
        (no_room, "there was no room to check the model: OutOfMemoryError: tried to allocate"),
        (lambda *_: 0.0, "the model could not be kept: model cannot be written: No space left"),
    ],
)
def test_a_good_trial_stays_good(
    difference: Any, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither a second network beside the method's nor a full disk breaks a finished task off."""
    monkeypatch.setattr(models, "_difference", difference)
    monkeypatch.setattr(models, "pack_model", full_disk)
    monkeypatch.setattr(models, "_numbered", lambda _: ())
    monkeypatch.setattr(models, "_preparing", lambda *_: None)
    trial = SimpleNamespace(
        model_path=tmp_path / "model", stage="search", no_model="", device=torch.device("cpu")
    )
    method, data = cast(SearchMethod, Kept()), cast(Dataset, Described())
    images = np.zeros((1, 1, 8, 8), dtype=np.float32)
    models.keep_model(cast(Session, trial), method, data, images)
    assert trial.no_model.startswith(said)
    assert not (tmp_path / "model").exists()
