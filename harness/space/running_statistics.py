"""Batch norm's running statistics, held still while a forward pass is run again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn

__all__ = ["frozen_statistics"]


@contextmanager
def frozen_statistics(module: nn.Module) -> Iterator[None]:
    """Normalise by batch statistics, as in training, but leave the running statistics alone.

    A forward pass that is run again for its gradients normalises as the first one did, and must not
    move the running statistics a second time.
    """
    norms = [part for part in module.modules() if isinstance(part, nn.BatchNorm2d)]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
