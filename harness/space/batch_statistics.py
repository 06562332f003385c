"""Statistics of a batch, kept from the forward pass for the backward pass that runs it again.

Two numbers a channel spare the second run a pass over every image to normalise, and of what comes
last in an operation they spare it all: batch norm's gradients need its input and these alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import torch

from harness.space.batch_norm import BatchNorm, BatchStatistics

__all__ = ["Kept", "keep_statistics", "known_statistics"]

Kept = Mapping[BatchNorm, BatchStatistics]


@contextmanager
def keep_statistics(norms: Iterable[BatchNorm]) -> Iterator[Kept]:
    """Collect the statistics of the batches that pass through those of `norms` not affine.

    They are complete, and in one piece of memory, when the context is left. An affine norm is to
    run again as it is: during search there is none.
    """
    kept: dict[BatchNorm, BatchStatistics] = {}
    keeping = [norm for norm in norms if norm.weight is None]
    for norm in keeping:
        norm.kept = kept
    try:
        yield kept
    finally:
        for norm in keeping:
            norm.kept = None
    if kept:
        kept.update(_in_one_piece(kept))


def _in_one_piece(kept: Kept) -> dict[BatchNorm, BatchStatistics]:
    """Join what would be many small tensors, each of which takes up more than it holds."""
    tensors = [tensor for statistics in kept.values() for tensor in statistics]
    parts = iter(torch.split(torch.cat(tensors), [len(tensor) for tensor in tensors]))
    return {norm: (next(parts), next(parts)) for norm in kept}


@contextmanager
def known_statistics(kept: Kept) -> Iterator[None]:
    """Let the same images pass again: nothing is computed anew, no running statistic moves."""
    for norm, statistics in kept.items():
        norm.known = statistics
    try:
        yield
    finally:
        for norm in kept:
            norm.known = None
