"""Loss and gradients of one batch, by ordinary back-propagation; what every engine returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.contracts import Batch
from harness.space.mixing import Mixing
from harness.space.supernet import Supernet

__all__ = ["BatchOutcome", "Engine", "judge", "ordinary"]


@dataclass(frozen=True)
class BatchOutcome:
    """What a forward pass showed; outcomes of the parts of a batch add up to that of the batch."""

    loss: Tensor  # (), cross entropy times the part's share of the batch, without a graph
    accuracy: Tensor  # (), percent times that share

    def __add__(self, other: BatchOutcome) -> BatchOutcome:
        """Join the outcomes of two parts."""
        return BatchOutcome(self.loss + other.loss, self.accuracy + other.accuracy)


class Engine(Protocol):
    """A way to compute the gradients of one batch."""

    def __call__(
        self, net: Supernet, batch: Batch, mixing: Mixing, share: float = 1.0
    ) -> BatchOutcome:
        """Run forward and backward in training mode.

        Gradients of `share` x cross entropy are added to `.grad` of each parameter of `net` that
        requires a gradient, and of those that `mixing` was computed from.

        Args:
            net: the supernet.
            batch: images and labels, or a part of them.
            mixing: the weights of its operations.
            share: the batch's part of the images that one update learns from.
        """


def ordinary(net: Supernet, batch: Batch, mixing: Mixing, share: float = 1.0) -> BatchOutcome:
    """Back-propagate through the whole network at once: every activation lives until then."""
    loss, outcome = judge(net(batch.images, mixing), batch.labels, share)
    torch.autograd.backward(loss)
    return outcome


def judge(logits: Tensor, labels: Tensor, share: float) -> tuple[Tensor, BatchOutcome]:
    """Return `share` x mean cross entropy with its graph, and the outcome without."""
    loss = share * cross_entropy(logits, labels)
    correct = (logits.detach().argmax(dim=1) == labels).to(loss.dtype).mean()
    return loss, BatchOutcome(loss.detach(), 100.0 * share * correct)
