"""Random images around a centre for each class."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.contracts import Episode, SplitSummary


class Dots:
    """A data set that is its own provider."""

    kind, image_shape = "few-shot", (1, 8, 8)
    splits = {  # noqa: RUF012 - never changed
        split: SplitSummary(classes=20, images_per_class=40) for split in ("train", "val", "test")
    }
    fingerprint = hashlib.sha256(b"dots").hexdigest()

    def prepare(self, request: object) -> Dots:
        return self

    def episode(
        self, split: str, *, ways: int, shots: int, queries: int, seed: int, index: int
    ) -> Episode:
        random = np.random.default_rng([len(split), seed, index])
        centres = random.normal(size=(ways, 1, 1, 8, 8)).astype(np.float32)

        def drawn(count: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
            noise = random.normal(size=(ways, count, 1, 8, 8)).astype(np.float32)
            images: NDArray[Any] = centres + 0.5 * noise
            return images.reshape(-1, 1, 8, 8), np.repeat(np.arange(ways), count)

        return Episode(*drawn(shots), *drawn(queries))
