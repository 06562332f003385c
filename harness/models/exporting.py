"""A kept model as an ONNX file, compared with the model itself before it is left anywhere.

The file runs in onnxruntime with nothing of this harness. What a person needs to use it is in its
metadata: the names of the classes, and what is done to an image before.
"""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.data.images import Preprocessing, decode
from harness.errors import DataError, HarnessError, NotWrittenError
from harness.models.folder import ModelError
from harness.models.images import read_images
from harness.models.model import BATCH, KeptModel, standardised
from harness.system.files import write_whole

__all__ = ["ExportFailedError", "Parity", "export_onnx"]

INPUT, OUTPUT = "images", "logits"
TOLERANCE = 1e-3  # of a logit; rounding gives a hundredth of that
NOISE_IMAGES = 16


class ExportFailedError(HarnessError):
    """The file would not do what the model does, or cannot be made; nothing was left."""


@dataclass(frozen=True)
class Parity:
    """How the file compares with the model.

    Attributes:
        path: of the file.
        bytes: its size.
        images: how many both were asked about.
        are_real: whether they are images of a person, or noise.
        largest_difference: of two logits.
        alike: images for which both have the same class first.
        labelled: images whose folder is named like a class.
        right_before: of these, how many the model is right about.
        right_after: how many the file is.
        opset: version of ONNX's operators.
    """

    path: Path
    bytes: int
    images: int
    are_real: bool
    largest_difference: float
    alike: int
    labelled: int
    right_before: int
    right_after: int
    opset: int


class FromPixels(nn.Module):
    """A network that takes pixels of 0 to 255, and standardises them itself."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, model: KeptModel) -> None:
        """Wrap the network of a model."""
        super().__init__()
        self.network = model.network
        for name in ("mean", "deviation"):
            values = torch.tensor(getattr(model.preprocessing, name), dtype=torch.float32)
            self.register_buffer(name, values[:, None, None])

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (N, classes) for pixels (N, channels, H, W)."""
        logits: Tensor = self.network((images - self.mean) / self.deviation)
        return logits


def export_onnx(
    model: KeptModel, path: Path, photos: Sequence[str] = (), *, from_pixels: bool = False
) -> Parity:
    """Write a model as ONNX, with a free batch size, once it was seen to predict the same.

    Args:
        model: what is exported.
        path: of the file; it must not be there.
        photos: image files to compare on; without any, noise stands in for them.
        from_pixels: whether the graph takes pixels of 0 to 255, and standardises them itself.

    Raises:
        ModelError: an extra is missing, there is a file already, or it cannot be written.
        DataError: a photo cannot be read.
        ExportFailedError: the file predicts something else.
    """
    _require_onnx()
    if path.exists():
        raise ModelError(f"'{path}' is there already; give another file with --output")
    pixels, labels = _pixels(model, photos)
    content, opset = _exported(model, from_pixels=from_pixels)
    ours = np.concatenate(
        [model.logits(standardised(x, model.preprocessing)).numpy() for x in pixels]
    )
    given = [
        x.astype(np.float32) if from_pixels else standardised(x, model.preprocessing)
        for x in pixels
    ]
    theirs = _run(content, given)
    parity = Parity(
        path=path,
        bytes=len(content),
        images=len(ours),
        are_real=bool(photos),
        largest_difference=float(np.abs(ours - theirs).max()),
        alike=int((ours.argmax(1) == theirs.argmax(1)).sum()),
        labelled=int((labels >= 0).sum()),
        right_before=int((ours.argmax(1) == labels).sum()),
        right_after=int((theirs.argmax(1) == labels).sum()),
        opset=opset,
    )
    if not parity.largest_difference <= TOLERANCE * max(1.0, float(np.abs(ours).max())):
        raise ExportFailedError(
            f"the ONNX file predicts something else than the model: logits differ by up to "
            f"{parity.largest_difference:.2g}; it was not written"
        )
    _write(path, content)
    return parity


def _require_onnx() -> None:
    try:
        import onnx  # noqa: F401, PLC0415 - an extra
        import onnxruntime  # noqa: F401, PLC0415 - an extra
        import onnxscript  # noqa: F401, PLC0415 - an extra
    except ImportError as error:
        raise ModelError(
            f"to export to ONNX needs {error.name}: pip install 'onnas-harness[onnx]'"
        ) from None


def _pixels(
    model: KeptModel, photos: Sequence[str]
) -> tuple[list[NDArray[np.uint8]], NDArray[np.int64]]:
    """Return batches of pixels, (N, channels, H, W), and the label of each image, or -1."""
    shape = Preprocessing(model.preprocessing.size, model.preprocessing.mode)
    if not photos:
        noise = np.random.default_rng(0).integers(0, 256, (NOISE_IMAGES, *shape.shape), np.uint8)
        return [noise], np.full(NOISE_IMAGES, -1)
    decoded = []
    for name, content in read_images(photos):
        if isinstance(content, DataError):
            raise content
        decoded.append(decode(content, shape, name))
    numbers = {name: label for label, name in enumerate(model.classes)}
    labels = np.array([numbers.get(Path(name).parent.name, -1) for name in photos])
    batches = [np.stack(decoded[i : i + BATCH]) for i in range(0, len(decoded), BATCH)]
    return batches, labels


def _exported(model: KeptModel, *, from_pixels: bool) -> tuple[bytes, int]:
    """Return the file's bytes and its opset."""
    network = FromPixels(model).eval() if from_pixels else model.network
    example = torch.zeros(2, *model.architecture.image_shape)
    with _quiet():
        program: Any = torch.onnx.export(
            network,
            (example,),
            dynamo=True,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: torch.export.Dim("batch", min=1)},),
            verbose=False,
        )
    proto = program.model_proto
    preparing = {**model.preprocessing.model_dump(mode="json"), "standardised": not from_pixels}
    told = {"classes": list(model.classes), "preprocessing": preparing}
    for key, value in told.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, json.dumps(value)
    opset = next(each.version for each in proto.opset_import if each.domain in ("", "ai.onnx"))
    return proto.SerializeToString(), int(opset)


def _run(content: bytes, batches: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return the file's logits for all batches, (images, classes)."""
    import onnxruntime  # noqa: PLC0415 - an extra

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    found: NDArray[np.float32] = np.concatenate(
        [session.run([OUTPUT], {INPUT: images})[0] for images in batches]
    )
    return found


def _write(path: Path, content: bytes) -> None:
    try:
        write_whole(path, content)
    except NotWrittenError as error:
        raise ModelError(str(error)) from None


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's notes to programmers from the person."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
