"""The peaks of CUDA's caching allocator over the search steps, beside our own count."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["AllocatorPeaks"]


class AllocatorPeaks:
    """Peaks over the blocks that were measured; nothing in between counts.

    Attributes:
        allocated_bytes: the most that was given to tensors at once; None before the first block.
        reserved_bytes: the most that was held, blocks kept for later use included.
    """

    def __init__(self, device: torch.device) -> None:
        """Ask the allocator of a CUDA device."""
        self._device = device
        self.allocated_bytes: int | None = None
        self.reserved_bytes: int | None = None

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Measure a block, also when it raises."""
        torch.cuda.reset_peak_memory_stats(self._device)
        try:
            yield
        finally:
            allocated = torch.cuda.max_memory_allocated(self._device)
            reserved = torch.cuda.max_memory_reserved(self._device)
            self.allocated_bytes = max(self.allocated_bytes or 0, allocated)
            self.reserved_bytes = max(self.reserved_bytes or 0, reserved)
