"""Batch norm's running statistics: when they move, and how far.

In training, batch norm normalises by the statistics of the batch; a prediction uses the running
statistics. Few-shot search makes ten steps with large ones among them, too few for an average over
all steps to come near to what the last weights give. So `follow_statistics` lets a method see its
last batches once more with its last weights.

Only support images are ever seen. Statistics of query images would make the prediction for one
depend on the others (transductive evaluation; Nichol et al., 2018, section 6.1, report both).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

from harness.space.batch_norm import BatchNorm

__all__ = ["follow_statistics", "frozen_statistics"]


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Normalise by batch statistics, as in training, but leave the running statistics alone.

    A forward pass that is run again for its gradients normalises as the first one did, and must not
    move the running statistics a second time.
    """
    norms = _norms(module)
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True


@contextmanager
def follow_statistics(module: nn.Module, seen: int) -> Iterator[None]:
    """Let forward passes in training mode move the running statistics to their plain average.

    Args:
        module: holds the batch norms.
        seen: how many passes have been averaged so far. The first replaces what was there; later
            ones count 1 / (seen + 1), but never less than in training.
    """
    norms = _norms(module)
    before = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = max(1.0 / (seen + 1), norm.momentum)
    try:
        yield
    finally:
        for norm, momentum in zip(norms, before, strict=True):
            norm.momentum = momentum


def _norms(module: nn.Module) -> list[BatchNorm]:
    return [part for part in module.modules() if isinstance(part, BatchNorm)]
