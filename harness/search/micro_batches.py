"""A batch in parts: gradients accumulate over them before one update."""

from __future__ import annotations

from collections.abc import Callable

from harness.contracts import Batch
from harness.space.backpropagation import Engine, Outcome
from harness.space.mixing import Mixing
from harness.space.supernet import Supernet

__all__ = ["accumulate_gradients", "split_batch"]


def split_batch(batch: Batch, parts: int) -> list[Batch]:
    """Split a batch into at most `parts` parts whose sizes differ by at most one image.

    A part has three images or more, unless the batch itself has fewer than six: batch norm makes
    each channel zero on average over a part, so that global average pooling gives zero for a lone
    image, and for two images opposite numbers, whatever the weights are. The parts are views.
    """
    count = max(1, min(parts, len(batch.labels) // 3))
    images, labels = batch.images.tensor_split(count), batch.labels.tensor_split(count)
    return [Batch(*part) for part in zip(images, labels, strict=True)]


def accumulate_gradients(
    engine: Engine, net: Supernet, batch: Batch, mixing: Callable[[], Mixing], parts: int = 1
) -> Outcome:
    """Add the gradients of the batch's mean loss to `.grad`, one part of the batch at a time.

    Each part counts by its share of the images. Batch norm sees the parts one by one, so its
    statistics, and through them the gradients, are not those of the whole batch.

    Args:
        engine: computes the gradients of a part.
        net: the supernet.
        batch: what one update learns from.
        mixing: makes the weights of the operations, anew for each part: a graph is walked once.
        parts: how many micro-batches, see `split_batch`; 1 for none.
    """
    micro_batches = split_batch(batch, parts)
    outcomes = [
        engine(net, part, mixing(), share=len(part.labels) / len(batch.labels))
        for part in micro_batches
    ]
    return sum(outcomes[1:], start=outcomes[0])
