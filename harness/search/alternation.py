"""One search step: for each batch an update of α and β, then one of w (DARTS, algorithm 1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from harness.contracts import Batch, SearchBatch, StepMetrics
from harness.space.backpropagation import Outcome

__all__ = ["alternate"]

Update = Callable[[Batch], Outcome]


def alternate(
    batches: Iterable[SearchBatch], update_architecture: Update, update_weights: Update
) -> StepMetrics:
    """Pass over the batches once, updating α and β on one part of each and w on the other.

    Returns:
        The means over the batches of what the updates of w saw before they changed w. They come
        after those of α and β, so a loss that α or β have broken shows here too.

    Raises:
        ValueError: there is no batch.
    """
    total, count = None, 0
    for batch in batches:
        update_architecture(batch.architecture)
        outcome = update_weights(batch.weights)
        total = outcome if total is None else total + outcome
        count += 1
    if total is None:
        raise ValueError("a search step needs at least one batch")
    # The only wait for the device in a step.
    return StepMetrics(loss=float(total.loss) / count, accuracy=float(total.accuracy) / count)
