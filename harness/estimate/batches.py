"""Batches without values, as a search step would be handed them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from harness.contracts import Batch, SearchBatch
from harness.estimate.stand_ins import StandIns
from harness.estimate.workload import Workload
from harness.measure.memory import MemoryCounter

__all__ = ["ShapedBatches"]


@dataclass
class ShapedBatches:
    """Makes the batches of a search step on the meta device.

    In few-shot search all batches of a task are on the device for as long as it lasts; those of a
    full task come and go.
    """

    workload: Workload
    counter: MemoryCounter
    stand_ins: StandIns

    def __post_init__(self) -> None:
        """Make what stays on the device."""
        sizes = self.workload.batch_sizes.items() if self.workload.resident else ()
        self._resident = {size: [self._pair(size) for _ in range(count)] for size, count in sizes}

    def of(self, sizes: Sequence[int]) -> Iterator[SearchBatch]:
        """Give a batch of each of these sizes."""
        for size in sizes:
            yield self._resident[size][0] if size in self._resident else self._pair(size)

    def _pair(self, size: int) -> SearchBatch:
        weights = self._batch(size)
        architecture = self._batch(size) if self.workload.halves else weights
        return SearchBatch(weights=weights, architecture=architecture)

    def _batch(self, size: int) -> Batch:
        """Return images (size, channels, height, width), and labels that count up the classes."""
        context = self.workload.context
        images = torch.empty(size, *context.image_shape, device="meta")
        labels = torch.empty(size, dtype=torch.int64, device="meta")
        with self.counter.paused():
            self.stand_ins.set(labels, torch.arange(size) % context.classes)
        return Batch(images, labels)
