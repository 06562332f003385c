"""How many threads a trial computes with.

Small tensors are computed faster by one thread than by two that wait for each other, and on a busy
machine up to ten times faster. The number depends on the trial alone, so that the same trial gives
the same bits.
"""

from __future__ import annotations

import os

import torch

__all__ = ["choose_threads"]

# Elements of the stem's output for one batch, above which a second thread was worth it: measured
# with DARTS on two cores, 5 or 15 images of 28x28 or 84x84 at C = 8 and 28.
WORTH_THREADS = 2**20


def choose_threads(batch_size: int, image_shape: tuple[int, int, int], channels: int) -> None:
    """Keep torch to one thread where a batch is small; `OMP_NUM_THREADS` goes before.

    Args:
        batch_size: images a batch.
        image_shape: channels, height, width.
        channels: C; the stem has 3C.
    """
    _, height, width = image_shape
    elements = batch_size * 3 * channels * height * width
    if elements < WORTH_THREADS and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
