"""A piece of work that can be timed on the processor, and counted on shapes alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from harness.cost_model.kernels import Kernel
from harness.estimate.shapes import ShapeMode
from harness.estimate.stand_ins import StandIns
from harness.measure.memory import MemoryCounter

__all__ = ["Step", "Work", "kernels_of_work"]

Step = Callable[[], object]


@dataclass(frozen=True)
class Work:
    """Something to run.

    Attributes:
        name: what it is called.
        prepare: makes it on a device; what it returns runs it once.
        parallel: whether several threads are to run it.
        group: what it is part of, see `fitting.fit_processor`.
    """

    name: str
    prepare: Callable[[torch.device], Step]
    parallel: bool
    group: str = ""


def kernels_of_work(work: Work) -> Mapping[Kernel, int]:
    """Count what the second run launches: in the first, optimizers get their state."""
    shapes = ShapeMode(StandIns(torch.Generator().manual_seed(0)), MemoryCounter("meta"))
    with shapes, shapes.optimizers_told_apart():
        run = work.prepare(torch.device("meta"))
        run()
        with shapes.counting() as kernels:
            run()
    return kernels
