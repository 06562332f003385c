"""A kept model in memory: builds its network, and labels image files with probabilities."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from harness.data.images import Preprocessing, decode
from harness.errors import DataError
from harness.models.folder import (
    WEIGHTS,
    Manifest,
    ModelError,
    Preparation,
    read_listed,
    read_parts,
    read_texts,
)
from harness.search.states import misfit_of
from harness.space.architecture import BackboneArchitecture, NetworkArchitecture
from harness.space.deployed import DeployedNetwork

__all__ = [
    "BATCH",
    "BackboneNetwork",
    "ImagePrediction",
    "KeptModel",
    "load_model",
    "network_of",
    "prepared",
    "standardised",
]


def network_of(architecture: NetworkArchitecture) -> BackboneNetwork | DeployedNetwork:
    """Build the network that is described, drawing its weights from torch's global generator."""
    if isinstance(architecture, BackboneArchitecture):
        return BackboneNetwork(architecture)
    return DeployedNetwork(architecture)


class BackboneNetwork(nn.Module):
    """Brings images to what a backbone was trained on, and classifies them.

    One channel is given three times. Images that are smaller than `size` in height or width are
    enlarged to that square, bilinearly: a backbone halves them five times, so that of 28x28 pixels
    a single place would be left. Larger ones stay as they are.
    """

    def __init__(self, architecture: BackboneArchitecture) -> None:
        """Build it, drawing the weights from torch's global generator."""
        from torchvision import models  # noqa: PLC0415 - slow to import; cells do without

        super().__init__()
        create: Any = getattr(models, architecture.backbone)
        self.body: nn.Module = create(weights=None, num_classes=architecture.classes)
        self.size = architecture.size
        self._last = [name for name, each in self.body.named_modules() if _is_linear(each)][-1]

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for images (N, channels, H, W), of one channel or three."""
        images = images.expand(-1, 3, -1, -1)
        if min(images.shape[2:]) < self.size:
            images = interpolate(images, (self.size, self.size), mode="bilinear")
        logits: Tensor = self.body(images)
        return logits

    def last_layer(self) -> nn.Module:
        """Return the layer that tells the classes apart."""
        return self.body.get_submodule(self._last)

    def is_of_last_layer(self, name: str) -> bool:
        """Tell whether a tensor of the body's state belongs to the last layer."""
        return name.startswith(f"{self._last}.")


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear)


BATCH = 32  # images predicted together
HEADER_BYTES = 2**20  # names, shapes and places of the tensors, at most


@dataclass(frozen=True)
class ImagePrediction:
    """What a model says of one image.

    Attributes:
        image: where it is, as it was given.
        labels: class names, the likeliest first.
        probabilities: of these classes, in 0 to 1.
        error: why there is none; then the others are empty.
    """

    image: str
    labels: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    error: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return JSON values."""
        if self.error:
            return {"image": self.image, "error": self.error}
        pairs = zip(self.labels, self.probabilities, strict=True)
        return {
            "image": self.image,
            "labels": [{"label": label, "probability": value} for label, value in pairs],
        }


@dataclass(frozen=True)
class KeptModel:
    """A network with all it needs to be used.

    Attributes:
        network: in evaluation mode; images (N, channels, H, W) to logits (N, classes).
        size_bytes: of its weights' file.
    """

    architecture: NetworkArchitecture
    classes: tuple[str, ...]
    preprocessing: Preparation
    network: nn.Module
    size_bytes: int

    @torch.no_grad()
    def logits(self, images: NDArray[np.float32]) -> Tensor:
        """Return logits (N, classes) for standardised images (N, channels, H, W)."""
        logits: Tensor = self.network(torch.from_numpy(images))
        return logits

    def predict(
        self, images: Iterable[tuple[str, bytes | DataError]], top: int = 1
    ) -> Iterator[ImagePrediction]:
        """Predict images one after another; what cannot be read is named, and the others go on.

        Args:
            images: names and contents of files, or why a file could not be read.
            top: how many classes are told of each, the likeliest ones.

        Yields:
            A prediction for each image, in their order.
        """
        waiting: list[tuple[str, NDArray[np.float32] | str]] = []
        for name, content in images:
            try:
                if isinstance(content, DataError):
                    raise content
                waiting.append((name, prepared(content, self.preprocessing, name)))
            except DataError as error:
                waiting.append((name, str(error)))
            if len(waiting) == BATCH:
                yield from self._predict(waiting, top)
                waiting = []
        yield from self._predict(waiting, top)

    def _predict(
        self, waiting: Sequence[tuple[str, NDArray[np.float32] | str]], top: int
    ) -> Iterator[ImagePrediction]:
        read = [each for _, each in waiting if not isinstance(each, str)]
        found = iter(torch.softmax(self.logits(np.stack(read)), dim=1) if read else ())
        for name, each in waiting:
            if isinstance(each, str):
                yield ImagePrediction(name, error=each)
                continue
            probabilities, labels = next(found).topk(min(top, len(self.classes)))
            names = tuple(self.classes[label] for label in labels.tolist())
            yield ImagePrediction(name, names, tuple(probabilities.tolist()))


def prepared(content: bytes, preprocessing: Preparation, where: str) -> NDArray[np.float32]:
    """Decode an image file and standardise it, (channels, size, size).

    Raises:
        DataError: it is no image, damaged, or too large.
    """
    pixels = decode(content, Preprocessing(preprocessing.size, preprocessing.mode), where)
    return standardised(pixels, preprocessing)


def standardised(pixels: NDArray[np.uint8], preprocessing: Preparation) -> NDArray[np.float32]:
    """Return pixels (..., channels, H, W) standardised as the training images were."""
    mean = np.array(preprocessing.mean, dtype=np.float32)[:, None, None]
    deviation = np.array(preprocessing.deviation, dtype=np.float32)[:, None, None]
    return (pixels.astype(np.float32) - mean) / deviation


def load_model(folder: Path) -> KeptModel:
    """Load a model folder, whoever made it: no code of it runs.

    Raises:
        ModelError: it is no model folder, of another version, cut, changed, or makes no sense.
    """
    manifest, files = read_texts(folder)
    architecture, classes, preprocessing = read_parts(folder, files)
    with torch.device("meta"):
        network = network_of(architecture)
    size = _load_weights(folder, manifest, network)
    return KeptModel(architecture, classes, preprocessing, network.eval(), size)


def _load_weights(folder: Path, manifest: Manifest, network: nn.Module) -> int:
    from safetensors import SafetensorError  # noqa: PLC0415 - only where a model is read
    from safetensors.torch import load  # noqa: PLC0415 - as above

    wanted = network.state_dict()
    expected = sum(each.numel() * each.element_size() for each in wanted.values())
    content = read_listed(folder, manifest, WEIGHTS, expected + HEADER_BYTES)
    where = f"'{folder / WEIGHTS}'"
    try:
        tensors = load(content)
    except (SafetensorError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise ModelError(f"{where} holds no tensors: {error}") from None
    if misfit := misfit_of(tensors, wanted):
        raise ModelError(f"{where} does not fit the architecture: {misfit}")
    for name, like in wanted.items():
        found = tensors[name]
        if found.dtype != like.dtype:
            raise ModelError(
                f"{where} does not fit the architecture: '{name}' is of {found.dtype} instead of "
                f"{like.dtype}"
            )
        if not torch.isfinite(found).all():
            raise ModelError(f"{where} has numbers in '{name}' that are not finite")
    network.load_state_dict(tensors, assign=True)
    return len(content)
