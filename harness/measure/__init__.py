"""Measures time here, with the device's queue empty at both ends, and memory in `memory`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["Stopwatch", "synchronise"]


def synchronise(device: torch.device) -> None:
    """Wait until the device has finished its work; a CPU already has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Stopwatch:
    """Adds up the seconds spent in its `running` blocks.

    Attributes:
        seconds: the sum so far.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        """Measure blocks that use `device`; None: blocks that use only the CPU."""
        self.device = device
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Measure a block, also when it raises."""
        if self.device is not None:
            synchronise(self.device)
        started = time.perf_counter()
        try:
            yield
            if self.device is not None:
                synchronise(self.device)
        finally:
            self.seconds += time.perf_counter() - started
