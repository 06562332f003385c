"""How many cores there are, and how many threads a trial computes with.

Small tensors are computed faster by one thread than by two that wait for each other, and on a busy
machine up to ten times faster. The answer depends on the trial alone, so that the same trial gives
the same bits.
"""

from __future__ import annotations

import os

__all__ = ["choose_threads", "is_worth_threads", "let_threads_sleep", "usable_cores"]


def choose_threads(batch_size: int, image_shape: tuple[int, int, int], channels: int) -> None:
    """Keep torch to one thread where a batch is small; `OMP_NUM_THREADS` goes before."""
    worth = is_worth_threads(batch_size, image_shape, channels)
    import torch  # noqa: PLC0415 - those who only ask about cores need none

    if not worth and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


# Elements of the stem's output for one batch, above which a second thread was worth it: measured
# with DARTS on two cores, 5 or 15 images of 28x28 or 84x84 at C = 8 and 28.
WORTH_THREADS = 2**20


def is_worth_threads(batch_size: int, image_shape: tuple[int, int, int], channels: int) -> bool:
    """Tell whether batches are large enough for several threads.

    Args:
        batch_size: images a batch.
        image_shape: channels, height, width.
        channels: C; the stem has 3C.
    """
    _, height, width = image_shape
    return batch_size * 3 * channels * height * width >= WORTH_THREADS


def usable_cores() -> int:
    """Count the cores that this process may use; a container can have fewer than there are."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def let_threads_sleep() -> None:
    """Have the threads of processes to come sleep while they wait for each other, and not spin.

    It is for several processes on the same cores, where threads that spin keep those of the others
    from computing: with two of them on two cores, steps of On-NAS took about six times as long. One
    process alone is faster with threads that spin. What is computed is the same.

    Nothing changes once the server runs, nor where `OMP_WAIT_POLICY` is set.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
