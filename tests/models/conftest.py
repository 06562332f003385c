"""A small sound model folder, and photos."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from harness.models.folder import Preparation, pack_model, publish
from harness.space.architecture import architecture_of
from harness.space.deployed import DeployedNetwork
from harness.space.genotype import Genotype

NODE = [[0, "conv_3x3"], [1, "skip_connect"]]
GENOTYPE = Genotype.model_validate({"normal": [NODE] * 3, "reduction": [NODE] * 3})


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    """Return the folder of a network that tells three classes apart, by chance."""
    torch.manual_seed(0)
    architecture = architecture_of(GENOTYPE, image_shape=(3, 8, 8), classes=3, channels=2)
    network = DeployedNetwork(architecture)
    preparing = Preparation(size=8, mode="rgb", mean=(100.0,) * 3, deviation=(50.0,) * 3)
    folder = tmp_path / "model"
    files = pack_model(architecture, network.state_dict(), ("cat", "dog", "owl"), preparing)
    publish(folder, files)
    return folder


@pytest.fixture
def photo() -> Callable[[int], bytes]:
    """Return `photo(seed)`, a small PNG of noise."""

    def photo(seed: int = 0) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (12, 10, 3), np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        return file.getvalue()

    return photo
