"""Loss and gradients of a batch, whole or in parts: ordinary back-propagation, and any engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from harness.contracts import Batch, StepMetrics
from harness.space.mixing import Mixing
from harness.space.supernet import Supernet

__all__ = [
    "BatchOutcome",
    "Engine",
    "accumulate_gradients",
    "judge",
    "ordinary",
    "pass_runner",
    "split_batch",
    "step_metrics",
]


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


def split_batch(batch: Batch, number: int, smallest: int) -> list[Batch]:
    """Split a batch into at most `number` parts whose sizes differ by at most one image.

    A part has `smallest` images or more, unless the batch itself has fewer than twice as
    many. The parts are views.
    """
    count = max(1, min(number, len(batch.labels) // smallest))
    images, labels = batch.images.tensor_split(count), batch.labels.tensor_split(count)
    return [Batch(*part) for part in zip(images, labels, strict=True)]


def _run_pass(
    engine: Engine, net: Supernet, batch: Batch, mixing: Callable[[], Mixing], share: float
) -> BatchOutcome:
    return engine(net, batch, mixing(), share=share)


RunPass = Callable[[Engine, Supernet, Batch, Callable[[], Mixing], float], BatchOutcome]

pass_runner: ContextVar[RunPass] = ContextVar("pass_runner", default=_run_pass)
"""What runs an engine on a part of a batch; an estimate has one that remembers."""


def accumulate_gradients(
    engine: Engine, net: Supernet, parts: Sequence[Batch], mixing: Callable[[], Mixing]
) -> BatchOutcome:
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
    run = pass_runner.get()
    outcomes = [run(engine, net, part, mixing, len(part.labels) / images) for part in parts]
    return sum(outcomes[1:], start=outcomes[0])


def step_metrics(outcomes: Iterable[BatchOutcome]) -> StepMetrics:
    """Return the means of what each batch of a step showed; the batches may run as this reads them.

    Raises:
        ValueError: there was no batch.
    """
    total, count = None, 0
    for outcome in outcomes:
        total = outcome if total is None else total + outcome
        count += 1
    if total is None:
        raise ValueError("a search step needs at least one batch")
    # The only wait for the device in a step.
    return StepMetrics(loss=float(total.loss) / count, accuracy=float(total.accuracy) / count)
