"""The search that is to be traced: which method, on what shapes, in which batches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.contracts import SearchContext, SearchMethod

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


def cut(images: int, size: int) -> dict[int, int]:
    """Return how many batches of each size there are when images are cut into batches of `size`."""
    whole, rest = divmod(images, size)
    return dict(Counter([size] * whole + [rest] * (rest > 0)))
