"""A batch in parts: gradients accumulate over them before one update."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from harness.contracts import Batch
from harness.search.parameters import SMALLEST_PART
from harness.space.backpropagation import Engine, Outcome
from harness.space.mixing import Mixing
from harness.space.supernet import Supernet

__all__ = ["WHOLE", "Parts", "accumulate_gradients", "split_batch"]


class Parts(NamedTuple):
    """Into how many parts a batch is split, and how many images a part has at least."""

    number: int
    smallest: int = SMALLEST_PART


WHOLE = Parts(1)


def split_batch(batch: Batch, parts: Parts) -> list[Batch]:
    """Split a batch into at most `parts.number` parts whose sizes differ by at most one image.

    A part has `parts.smallest` images or more, unless the batch itself has fewer than twice as
    many. The parts are views.
    """
    count = max(1, min(parts.number, len(batch.labels) // parts.smallest))
    images, labels = batch.images.tensor_split(count), batch.labels.tensor_split(count)
    return [Batch(*part) for part in zip(images, labels, strict=True)]


def accumulate_gradients(
    engine: Engine, net: Supernet, parts: Sequence[Batch], mixing: Callable[[], Mixing]
) -> Outcome:
    """Add the gradients of a batch's mean loss to `.grad`, one part of the batch at a time.

    Each part counts by its share of the images. Batch norm sees the parts one by one, so its
    statistics, and through them the gradients, are not those of the whole batch.

    Args:
        engine: computes the gradients of a part.
        net: the supernet.
        parts: what one update learns from, see `split_batch`.
        mixing: makes the weights of the operations, anew for each part: a graph is walked once.
    """
    images = sum(len(part.labels) for part in parts)
    outcomes = [engine(net, part, mixing(), share=len(part.labels) / images) for part in parts]
    return sum(outcomes[1:], start=outcomes[0])
