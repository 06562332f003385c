"""Search steps of one method on noise, one at a time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch

from harness.contracts import Batch, SearchBatch
from harness.measure.clock import Stopwatch
from harness.measure.memory import MIB, MemoryCounter
from harness.tracing.workload import Workload

__all__ = ["Stepper", "counted_mib"]

ENDLESS = 10**6  # steps that a method is told of: the last step, which does more, never comes
COUNTED_STEPS = 3  # the first makes the optimizers' state, and methods may look one or two back


class Stepper:
    """A method that makes search steps, of which each is timed, for as long as it is asked to.

    Attributes:
        first_s: seconds of the first step, in which memory is touched for the first time.
    """

    def __init__(self, workload: Workload, device: torch.device) -> None:
        """Build the method on `device` and make the first step."""
        self.device = device
        context = replace(workload.context, steps=ENDLESS, device=device)
        self.method = workload.create()
        self.method.build(context)
        self.batches = list(_batches(workload, device))
        self.first_s = self.step()

    def step(self) -> float:
        """Make a search step, and return how many seconds it took."""
        watch = Stopwatch(self.device)
        with watch.running():
            self.method.search_step(self.batches)
        return watch.seconds


def counted_mib(workload: Workload, device: torch.device) -> float:
    """Return the peak memory of a method's first steps, in MiB, everything included."""
    with MemoryCounter(device.type) as counter:
        stepper = Stepper(workload, device)
        for _ in range(COUNTED_STEPS - 1):
            stepper.step()
    peak_bytes: int = counter.peak_bytes
    return peak_bytes / MIB


def _batches(workload: Workload, device: torch.device) -> Iterator[SearchBatch]:
    for size, count in workload.batch_sizes.items():
        for _ in range(count):
            weights = _batch(workload, size, device)
            other = _batch(workload, size, device) if workload.halves else weights
            yield SearchBatch(weights=weights, architecture=other)


def _batch(workload: Workload, size: int, device: torch.device) -> Batch:
    """Return noise (size, channels, height, width), and labels that count up the classes."""
    context = workload.context
    images = torch.randn(size, *context.image_shape, generator=torch.Generator().manual_seed(size))
    labels = torch.arange(size) % context.classes
    return Batch(images.to(device), labels.to(device))
