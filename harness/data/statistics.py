"""What is computed over all pixels of a data set: its fingerprint, its means and deviations."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from harness.data.layout import Layout
from harness.experiment.canonical import canonical_json

__all__ = ["channel_statistics", "fingerprint"]

Arrays = Mapping[str, NDArray[np.uint8]]  # of each split, (images, channels, height, width)

_ROWS = 512  # images looked at together, so that memory stays bounded


def fingerprint(layout: Layout, arrays: Arrays) -> str:
    """Return the SHA-256 of the pixels, with the names and sizes of splits and classes.

    Neither paths nor times enter it: the same images give the same fingerprint everywhere.
    """
    counts = {split: dict(classes) for split, classes in layout.counts.items()}
    header = canonical_json({"shape": list(layout.shape), "splits": counts})
    digest = hashlib.sha256(header.encode())
    for split in sorted(layout.counts):
        for chunk in _chunks(arrays[split]):
            digest.update(chunk.tobytes())
    return digest.hexdigest()


def channel_statistics(arrays: Arrays) -> tuple[list[float], list[float]]:
    """Return each channel's mean and standard deviation, in units of 0 to 255.

    Taken over the split `train`, or over all splits where there is none. A channel that never
    changes gets the deviation 1, so that it can be divided by.
    """
    chosen = [arrays["train"]] if "train" in arrays else list(arrays.values())
    histogram = _histogram(chosen)  # (channels, 256)
    levels, totals = np.arange(256.0), histogram.sum(axis=1)
    mean = histogram @ levels / totals
    variance = (histogram * (levels - mean[:, None]) ** 2).sum(axis=1) / totals
    deviation = np.where(variance > 0, np.sqrt(variance), 1.0)
    return mean.tolist(), deviation.tolist()


def _histogram(arrays: Iterable[NDArray[np.uint8]]) -> NDArray[np.int64]:
    """Count how often each channel has each of the 256 levels; integers, so no order matters."""
    total: NDArray[np.int64] | None = None
    for array in arrays:
        for chunk in _chunks(array):
            channels = chunk.swapaxes(0, 1).reshape(chunk.shape[1], -1)  # (channels, pixels)
            counts = np.stack([np.bincount(channel, minlength=256) for channel in channels])
            total = counts if total is None else total + counts
    if total is None:
        raise ValueError("there are no images")
    return total


def _chunks(array: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    return (array[start : start + _ROWS] for start in range(0, len(array), _ROWS))
