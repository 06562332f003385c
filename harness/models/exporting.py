"""A kept model in other formats, compared with the model itself before it is left anywhere.

An ONNX file runs in onnxruntime with nothing of this harness, TorchScript in torch and in libtorch,
ExecuTorch in its own runtime, for one image at a time. What a person needs to use it is in the
metadata of the first two: the names of the classes, and what is done to an image before.
"""

from __future__ import annotations

import io
import json
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from harness.data.images import Preprocessing, decode, read_images
from harness.errors import DataError, HarnessError, NotWrittenError
from harness.models.folder import ModelError
from harness.models.model import BATCH, KeptModel, standardised
from harness.space.supernet import Stem
from harness.system.files import write_whole

__all__ = ["ExportFailedError", "Form", "Parity", "export_model"]

Form = Literal["onnx", "torchscript", "executorch"]

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
        opset: version of ONNX's operators; None of another format.
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
    opset: int | None


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


Batches = Sequence[NDArray[np.float32]]  # of images, (N, channels, H, W)


class _Format(NamedTuple):
    """How a format is written and run, and what that needs.

    Attributes:
        write: given the network, an example (2, channels, H, W) and what is to be told of it,
            returns the file's bytes and ONNX's opset.
        run: returns a file's logits for all batches, (images, classes).
        needs: modules of the extra that has the format's name.
    """

    write: Callable[[nn.Module, Tensor, Mapping[str, str]], tuple[bytes, int | None]]
    run: Callable[[bytes, Batches], NDArray[np.float32]]
    needs: tuple[str, ...] = ()


def export_model(
    model: KeptModel,
    path: Path,
    form: Form,
    photos: Sequence[str] = (),
    *,
    from_pixels: bool = False,
) -> Parity:
    """Write a model in a format, once it was seen to predict the same.

    Args:
        model: what is exported.
        path: of the file; it must not be there.
        form: the format.
        photos: image files to compare on; without any, noise stands in for them.
        from_pixels: whether the graph takes pixels of 0 to 255, and standardises them itself.

    Raises:
        ModelError: an extra is missing, there is a file already, or it cannot be written.
        DataError: a photo cannot be read.
        ExportFailedError: the format cannot hold the network, or predicts something else.
    """
    chosen = FORMATS[form]
    _require(form, chosen.needs)
    if path.exists():
        raise ModelError(f"'{path}' is there already; give another file with --output")
    pixels, labels = _pixels(model, photos)
    ours = np.concatenate(
        [model.logits(standardised(x, model.preprocessing)).numpy() for x in pixels]
    )
    given = [
        x.astype(np.float32) if from_pixels else standardised(x, model.preprocessing)
        for x in pixels
    ]
    try:
        with _quiet(), torch.no_grad():
            content, opset = _written(model, chosen, from_pixels=from_pixels)
            theirs = chosen.run(content, given)
    except Exception as error:  # of any of three libraries
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        raise ExportFailedError(f"{form} cannot hold this network: {reason}") from error
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
            f"the {form} file predicts something else than the model: logits differ by up to "
            f"{parity.largest_difference:.2g}; it was not written"
        )
    try:
        write_whole(path, content)
    except NotWrittenError as error:
        raise ModelError(str(error)) from None
    return parity


def _require(form: Form, modules: Sequence[str]) -> None:
    for name in modules:
        try:
            import_module(name)
        except ImportError:
            raise ModelError(
                f"to export to {form} needs {name}: pip install 'onnas-harness[{form}]'"
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


def _written(model: KeptModel, form: _Format, *, from_pixels: bool) -> tuple[bytes, int | None]:
    """Return the file's bytes and its opset."""
    network = FromPixels(model).eval() if from_pixels else model.network
    preparing = {**model.preprocessing.model_dump(mode="json"), "standardised": not from_pixels}
    told = {"classes": list(model.classes), "preprocessing": preparing}
    example = torch.zeros(2, *model.architecture.image_shape)
    return form.write(network, example, {key: json.dumps(each) for key, each in told.items()})


def _write_onnx(
    network: nn.Module, example: Tensor, told: Mapping[str, str]
) -> tuple[bytes, int | None]:
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
    for key, value in told.items():
        entry = proto.metadata_props.add()
        entry.key, entry.value = key, value
    opset = next(each.version for each in proto.opset_import if each.domain in ("", "ai.onnx"))
    return proto.SerializeToString(), int(opset)


def _run_onnx(content: bytes, batches: Batches) -> NDArray[np.float32]:
    import onnxruntime  # noqa: PLC0415 - an extra

    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run([OUTPUT], {INPUT: images})[0] for images in batches])


def _write_torchscript(
    network: nn.Module, example: Tensor, told: Mapping[str, str]
) -> tuple[bytes, int | None]:
    traced: Any = torch.jit.trace(network, example)  # type: ignore[no-untyped-call] # of torch
    file = io.BytesIO()
    extra = {f"{key}.json": value for key, value in told.items()}
    torch.jit.save(traced, file, _extra_files=extra)
    return file.getvalue(), None


def _run_torchscript(content: bytes, batches: Batches) -> NDArray[np.float32]:
    network: Any = torch.jit.load(io.BytesIO(content))  # type: ignore[no-untyped-call] # above
    return np.concatenate([network(torch.from_numpy(x)).numpy() for x in batches])


def _write_executorch(
    network: nn.Module, example: Tensor, _: Mapping[str, str]
) -> tuple[bytes, int | None]:
    from executorch.exir import to_edge  # noqa: PLC0415 - an extra

    # Memory is planned beforehand, for one image; the kernels know contiguous tensors alone.
    contiguous = deepcopy(network)
    for module in contiguous.modules():
        if isinstance(module, Stem):
            module.channels_last = False
    program = to_edge(torch.export.export(contiguous, (example[:1],)))
    return bytes(program.to_executorch().buffer), None


def _run_executorch(content: bytes, batches: Batches) -> NDArray[np.float32]:
    from executorch.runtime import Runtime  # noqa: PLC0415 - an extra

    method: Any = Runtime.get().load_program(content).load_method("forward")
    images = [torch.from_numpy(image[None].copy("C")) for batch in batches for image in batch]
    return np.concatenate([method.execute([each])[0].clone().numpy() for each in images])


FORMATS: Mapping[Form, _Format] = {
    "onnx": _Format(_write_onnx, _run_onnx, ("onnx", "onnxscript", "onnxruntime")),
    "torchscript": _Format(_write_torchscript, _run_torchscript),
    "executorch": _Format(_write_executorch, _run_executorch, ("executorch.exir",)),
}


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' notes to programmers from the person."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
