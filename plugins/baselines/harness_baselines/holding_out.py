"""Which images of a search step judge an architecture instead of training it."""

from __future__ import annotations

from collections import Counter

from harness.contracts import Batch, SearchBatch

__all__ = ["HoldOut"]


class HoldOut:
    """Splits the batches of one search step, in the order in which they come.

    In few-shot search the second image of each class is held out, so that every class is trained
    on; with one shot there is none. A batch that would be held out whole is trained on whole, so
    that every batch gives an update. A full task has a batch for each purpose already.
    """

    def __init__(self) -> None:
        """Start with no class seen."""
        self._seen: Counter[int] = Counter()

    def split(self, batch: SearchBatch) -> tuple[Batch, Batch | None]:
        """Return the images that train and those that judge, if there are any."""
        if batch.architecture is not batch.weights:
            return batch.weights, batch.architecture
        images, labels = batch.weights
        held = [self._is_second(label) for label in labels.tolist()]
        if not any(held) or all(held):
            return batch.weights, None
        # Indices, not masks: with a mask, the shape of what is taken would depend on its values.
        training = labels.new_tensor([i for i, is_held in enumerate(held) if not is_held])
        judging = labels.new_tensor([i for i, is_held in enumerate(held) if is_held])
        trained = Batch(images[training], labels[training])
        return trained, Batch(images[judging], labels[judging])

    def _is_second(self, label: int) -> bool:
        self._seen[label] += 1
        return self._seen[label] == 2
