"""What an update learns from and how far it goes: parts of a batch, rates, temperature, metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from contextvars import ContextVar
from typing import NamedTuple

from harness.contracts import Batch, StepMetrics
from harness.experiment.setting import Schedule
from harness.search.parameters import SMALLEST_PART
from harness.space.backpropagation import BatchOutcome, Engine
from harness.space.mixing import Mixing
from harness.space.supernet import Supernet

__all__ = [
    "WHOLE",
    "Parts",
    "accumulate_gradients",
    "pass_runner",
    "rate_at",
    "split_batch",
    "step_metrics",
    "temperature_at",
]


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


def rate_at(step: int, steps: int, rate: float, schedule: Schedule) -> float:
    """Return the learning rate of a search step: `rate`, or less.

    `cosine` is half a cosine from the first step towards 0; `late` stays at `rate` for the first
    half of the search, and falls linearly towards 0 in the second.

    Args:
        step: number of the step, from 0.
        steps: how many steps the search has.
        rate: that of the first step.
        schedule: whether and when it falls.
    """
    done = min(step / steps, 1.0)
    if schedule == "cosine":
        return rate * (1 + math.cos(math.pi * done)) / 2
    return rate * min(1.0, 2 - 2 * done) if schedule == "late" else rate


def temperature_at(step: int, steps: int, final: float) -> float:
    """Return the temperature of a search step: linear from 1 at the first to `final` at the last.

    Args:
        step: number of the step, from 0; later ones than the last keep its temperature.
        steps: how many steps the search has.
        final: temperature of the last step; a search of one step stays at 1.
    """
    if steps <= 1:
        return 1.0
    return 1.0 + (final - 1.0) * min(step / (steps - 1), 1.0)


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
