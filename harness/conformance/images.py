"""Small images without files for checking methods: a `Dataset` whose query labels can be turned."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Episode, ImageSet, SplitSummary, TaskKind
from harness.errors import UsageError
from harness.experiment.canonical import digest

__all__ = ["NoiseImages"]


class NoiseImages:
    """Each class is one random pattern, each image of it that pattern with noise.

    Attributes:
        turned_by: is added to each query label, modulo the ways; the images stay what they are.
    """

    fingerprint = digest("noise images of the contract checks")
    kind: TaskKind = "few-shot"
    image_shape = (1, 8, 8)
    splits: Mapping[str, SplitSummary] = {
        split: SplitSummary(classes=1000, images_per_class=1000) for split in ("train", "test")
    }

    def __init__(self, turned_by: int = 0) -> None:
        """Turn the query labels by so many classes."""
        self.turned_by = turned_by

    def episode(  # noqa: PLR0913 - the identity of an episode is what it is
        self, split: str, *, ways: int, shots: int, queries: int, seed: int, index: int
    ) -> Episode:
        """Draw an episode from its identity."""
        identity = digest([split, ways, shots, queries, seed, index])
        random = np.random.default_rng(int(identity[:15], 16))
        patterns = random.normal(size=(ways, *self.image_shape)).astype(np.float32)
        labels = np.arange(ways, dtype=np.int64)

        def draw(count: int) -> NDArray[np.float32]:
            noise = random.normal(size=(count, *patterns.shape)).astype(np.float32)
            images: NDArray[np.float32] = patterns + 0.3 * noise
            return images.reshape(-1, *self.image_shape)  # goes round the classes

        turned = (labels + self.turned_by) % ways
        return Episode(draw(shots), np.tile(labels, shots), draw(queries), np.tile(turned, queries))

    def images(self, split: str) -> ImageSet:
        """Have no full task.

        Raises:
            UsageError: always.
        """
        raise UsageError(f"there is no full task here, and so no split '{split}' of one")
