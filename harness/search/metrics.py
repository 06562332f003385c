"""What a search step reports, from what each of its batches showed."""

from __future__ import annotations

from collections.abc import Iterable

from harness.contracts import StepMetrics
from harness.space.backpropagation import Outcome

__all__ = ["step_metrics"]


def step_metrics(outcomes: Iterable[Outcome]) -> StepMetrics:
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
