"""Tensors in the safetensors format: the checkpoints of pretraining, and what processes exchange.

Reading the format runs no code. A checkpoint's metadata hold the identity of the pretraining, its
progress and curve, and the SHA-256 of everything else, so that a damaged file is never used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, ValidationError

from harness.errors import UsageError
from harness.experiment.outcome import CurvePoint
from harness.experiment.pretraining import Pretraining
from harness.system.files import write_whole

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[np.generic]]

__all__ = [
    "Checkpoint",
    "CheckpointError",
    "NoTensorsError",
    "Progress",
    "arrays_of",
    "find_checkpoint",
    "pack",
    "read_checkpoint",
    "read_finished",
    "read_partial",
    "remove_partial",
    "tensors_of",
    "unpack",
    "write_checkpoint",
    "write_partial",
]

FORMAT = "harness-pretraining-1"


class CheckpointError(UsageError):
    """A file that is not a complete checkpoint of this harness."""


class Progress(BaseModel):
    """How far a pretraining has come."""

    model_config = ConfigDict(extra="forbid")

    meta_epochs: int = 0  # finished
    warmup_epochs: int = 0  # of these
    tasks: int = 0  # learned of the meta-epoch under way
    seconds: float = 0.0  # wall clock of all sessions together
    curve: list[CurvePoint] = []


@dataclass
class Checkpoint:
    """What a checkpoint file holds."""

    pretraining: Pretraining
    progress: Progress
    state: Arrays  # what the method's `state_dict` returned
    adapted: Sequence[Arrays] = ()  # of the meta-epoch under way, by task

    @property
    def is_complete(self) -> bool:
        """Whether pretraining is finished."""
        return self.progress.meta_epochs == self.pretraining.budget.meta_epochs


def write_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the file whole, or leave the one that was there."""
    arrays = _flat(checkpoint)
    about = {
        "format": FORMAT,
        "pretraining": checkpoint.pretraining.model_dump_json(),
        "progress": checkpoint.progress.model_dump_json(),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, pack(arrays, {**about, "sha256": _checksum(about, arrays)}))


def read_checkpoint(path: Path) -> Checkpoint:
    """Read a file that `write_checkpoint` has written, wherever it comes from.

    Raises:
        CheckpointError: it is not there, cut short, changed, or no checkpoint.
    """
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415 - only where something is read

    if path.is_fifo() or path.is_socket():  # it would be waited for
        raise CheckpointError(f"checkpoint {path} is not a file")
    try:
        with safe_open(path, framework="numpy") as file:
            about = dict(file.metadata() or {})
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no dict
    except (OSError, TypeError, SafetensorError) as error:  # TypeError: a type that numpy lacks
        raise CheckpointError(f"checkpoint {path} cannot be read: {error}") from None
    if about.get("format") != FORMAT:
        raise CheckpointError(f"{path} is not a checkpoint of this harness")
    if about.pop("sha256", None) != _checksum(about, arrays):
        raise CheckpointError(f"checkpoint {path} is damaged: its checksum does not hold")
    try:
        pretraining = Pretraining.model_validate_json(about["pretraining"])
        progress = Progress.model_validate_json(about["progress"])
        if progress.tasks > len(arrays):  # a claim of billions would fill the memory
            raise CheckpointError(f"checkpoint {path} counts more tasks than it holds")
        return _nested(pretraining, progress, arrays)
    except (KeyError, ValidationError):
        raise CheckpointError(f"checkpoint {path} was written by another version") from None


def read_finished(path: Path) -> Checkpoint:
    """Read a checkpoint that a person names.

    Raises:
        CheckpointError: it is damaged, or its pretraining has not finished.
    """
    checkpoint = read_checkpoint(path)
    if not checkpoint.is_complete:
        raise CheckpointError(f"checkpoint {path} comes from a pretraining that has not finished")
    return checkpoint


def find_checkpoint(path: Path, pretraining: Pretraining) -> Checkpoint | None:
    """Return the finished checkpoint of a pretraining; None if it is missing or damaged."""
    checkpoint = _sound(path, pretraining)
    return checkpoint if checkpoint is not None and checkpoint.is_complete else None


def write_partial(path: Path, checkpoint: Checkpoint) -> None:
    """Keep an unfinished pretraining beside where its checkpoint will be."""
    write_checkpoint(_partial(path), checkpoint)


def read_partial(path: Path, pretraining: Pretraining) -> Checkpoint | None:
    """Return the unfinished pretraining that was kept; None if it is missing or damaged."""
    return _sound(_partial(path), pretraining)


def remove_partial(path: Path) -> None:
    """Forget the unfinished pretraining: the checkpoint is there."""
    _partial(path).unlink(missing_ok=True)


def _partial(path: Path) -> Path:
    return path.with_suffix(".partial.safetensors")


def _sound(path: Path, pretraining: Pretraining) -> Checkpoint | None:
    try:
        checkpoint = read_checkpoint(path)
    except CheckpointError:
        return None
    return checkpoint if pretraining.difference(checkpoint.pretraining) is None else None


def _flat(checkpoint: Checkpoint) -> dict[str, NDArray[np.generic]]:
    parts = {"state": checkpoint.state}
    parts |= {f"task{number}": arrays for number, arrays in enumerate(checkpoint.adapted)}
    return {f"{part}/{name}": array for part, of in parts.items() for name, array in of.items()}


def _nested(pretraining: Pretraining, progress: Progress, arrays: Arrays) -> Checkpoint:
    parts: dict[str, dict[str, NDArray[np.generic]]] = {"state": {}}
    parts |= {f"task{number}": {} for number in range(progress.tasks)}
    for full_name, array in arrays.items():
        part, _, name = full_name.partition("/")
        parts[part][name] = array
    state, *adapted = parts.values()
    return Checkpoint(pretraining, progress, state, list(adapted))


def _checksum(about: Mapping[str, str], arrays: Arrays) -> str:
    checksum = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        checksum.update(f"{name} {array.dtype} {array.shape}".encode())
        checksum.update(array.tobytes())
    return checksum.hexdigest()


class NoTensorsError(ValueError):
    """Bytes that are not tensors in the safetensors format."""


def arrays_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.generic]]:
    """Return tensors, on any device, as arrays by name."""
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}


def tensors_of(arrays: Arrays, device: torch.device) -> dict[str, torch.Tensor]:
    """Return copies of arrays as tensors of a device, by name."""
    import torch  # noqa: PLC0415 - those who only pass bytes on need none

    return {name: torch.tensor(array, device=device) for name, array in arrays.items()}


def pack(arrays: Arrays, about: Mapping[str, str] | None = None) -> bytes:
    """Return arrays in the safetensors format, with `about` as its metadata."""
    from safetensors.numpy import save  # noqa: PLC0415 - only where tensors travel

    return save(dict(arrays), metadata=None if about is None else dict(about))


def unpack(content: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the arrays that `pack` was given; the bytes may come from anywhere.

    Raises:
        NoTensorsError: they are something else, or cut short.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 - only where tensors travel
    from safetensors.numpy import load  # noqa: PLC0415 - only where tensors travel

    try:
        arrays: dict[str, NDArray[np.generic]] = load(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:  # of types that numpy lacks
        raise NoTensorsError(f"these bytes are not tensors: {error}") from None
    return arrays
