"""Tensors on their way between processes and machines: arrays, and bytes that run no code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

    Arrays = Mapping[str, NDArray[np.generic]]

__all__ = ["NoTensorsError", "arrays_of", "pack", "tensors_of", "unpack"]


class NoTensorsError(ValueError):
    """Bytes that are no tensors in the safetensors format."""


def arrays_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, NDArray[np.generic]]:
    """Return tensors of whatever device as arrays, by name."""
    return {name: tensor.detach().cpu().contiguous().numpy() for name, tensor in tensors.items()}


def tensors_of(arrays: Arrays, device: torch.device) -> dict[str, torch.Tensor]:
    """Return copies of arrays as tensors of a device, by name."""
    import torch  # noqa: PLC0415 - those who only pass bytes on need none

    return {name: torch.tensor(array, device=device) for name, array in arrays.items()}


def pack(arrays: Arrays, about: Mapping[str, str] | None = None) -> bytes:
    """Return arrays in the safetensors format, with `about` as its metadata."""
    from safetensors.numpy import save  # noqa: PLC0415 - likewise

    return save(dict(arrays), metadata=None if about is None else dict(about))


def unpack(content: bytes) -> dict[str, NDArray[np.generic]]:
    """Return the arrays that `pack` has been given, wherever the bytes come from.

    Raises:
        NoTensorsError: they are something else, or cut short.
    """
    from safetensors import SafetensorError  # noqa: PLC0415 - likewise
    from safetensors.numpy import load  # noqa: PLC0415 - likewise

    try:
        arrays: dict[str, NDArray[np.generic]] = load(content)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:  # of types that numpy lacks
        raise NoTensorsError(f"these bytes are no tensors: {error}") from None
    return arrays
