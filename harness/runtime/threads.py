"""How many threads a trial computes with."""

from __future__ import annotations

import os

import torch

from harness.runtime.parallelism import is_worth_threads

__all__ = ["choose_threads"]


def choose_threads(batch_size: int, image_shape: tuple[int, int, int], channels: int) -> None:
    """Keep torch to one thread where a batch is small; `OMP_NUM_THREADS` goes before."""
    worth = is_worth_threads(batch_size, image_shape, channels)
    if not worth and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
