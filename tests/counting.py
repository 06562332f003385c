"""Counts the memory of a whole search on this machine, as a run would."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from harness.contracts import Batch, SearchBatch
from harness.measure.memory import MemoryCounter
from harness.tracing.workload import Workload

__all__ = ["counted_peak"]


def counted_peak(workload: Workload, seed: int = 0) -> int:
    """Run all search steps on random images, and return the most bytes that lived in one."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    context = replace(workload.context, device=torch.device("cpu"), generator=generator)
    counter, pairs, peak = MemoryCounter(), list(_pairs(workload)), 0
    with counter:
        method = workload.create()
        method.build(context)
        counter.watch([tensor for pair in pairs for tensor in pair.weights])
        for _ in range(context.steps):
            counter.reset_peak()
            method.search_step(iter(pairs))
            peak = max(peak, counter.peak_bytes)
    return peak


def _pairs(workload: Workload) -> Iterator[SearchBatch]:
    for size, count in workload.batch_sizes.items():
        for _ in range(count):
            labels = torch.arange(size) % workload.context.classes
            batch = Batch(torch.randn(size, *workload.context.image_shape), labels)
            yield SearchBatch(batch, batch)
