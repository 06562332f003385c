"""The search that is to be traced: which method, on what shapes, in which batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from harness.contracts import PretrainedMethod, SearchContext, SearchMethod
from harness.estimate.shapes import ShapeMode
from harness.estimate.stand_ins import StandIns
from harness.measure.memory import MemoryCounter

__all__ = ["Workload", "cut"]


@dataclass(frozen=True)
class Workload:
    """The search steps of one task.

    Attributes:
        create: makes the method.
        context: what the method is told, its device apart.
        batch_sizes: how many batches of each size a search step goes through, the largest first.
        resident: whether all batches of a step are on the device at once, as in few-shot search.
        halves: whether w and α learn from different images, as in a full task.
    """

    create: Callable[[], SearchMethod]
    context: SearchContext
    batch_sizes: Mapping[int, int]
    resident: bool = True
    halves: bool = False

    @cached_property
    def initial_state(self) -> Mapping[str, Tensor] | None:
        """What a pretrained method starts from; a device keeps it outside of its memory."""
        method = self.create()
        if self.context.budget.meta_epochs == 0 or not isinstance(method, PretrainedMethod):
            return None
        noise = StandIns(torch.Generator().manual_seed(0))
        with ShapeMode(noise, MemoryCounter("meta")):
            method.build(replace(self.context, device=torch.device("meta"), pretraining=True))
            return method.state_dict()


def cut(images: int, size: int) -> dict[int, int]:
    """Return how many batches of each size there are when images are cut into batches of `size`."""
    whole, rest = divmod(images, size)
    return dict(Counter([size] * whole + [rest] * (rest > 0)))
