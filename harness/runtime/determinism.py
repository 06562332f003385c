"""Makes trials reproducible to the bit: how generators are seeded, and how many threads compute.

Generators are seeded anew for each purpose, so that no draw depends on earlier ones. The number of
threads depends on the trial alone: small tensors are computed by one thread, which is faster than
two that wait for each other, on a busy machine up to ten times.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from harness.canonical import digest

if TYPE_CHECKING:
    import torch

__all__ = [
    "INITIAL_WEIGHTS",
    "choose_threads",
    "is_worth_threads",
    "let_threads_sleep",
    "seed_for",
    "seed_generators",
    "usable_cores",
]

INITIAL_WEIGHTS = "initial weights"  # the same ones for every method, pretrained or not

# Elements of the stem's output for one batch, above which a second thread was worth it: measured
# with DARTS on two cores, 5 or 15 images of 28x28 or 84x84 at C = 8 and 28.
WORTH_THREADS = 2**20


def seed_for(seed: int, *purpose: str | int) -> int:
    """Return a seed of 60 bits for one purpose, which words and numbers describe."""
    return int(digest([seed, *purpose])[:15], 16)


def seed_generators(
    seed: int, *purpose: str | int, generator: torch.Generator | None = None
) -> torch.Generator:
    """Seed torch's global generators for a purpose; return a CPU generator of the same seed.

    Args:
        seed: of the trial.
        purpose: what is drawn, in words and numbers.
        generator: is seeded and returned, instead of a new one.
    """
    import torch  # noqa: PLC0415 - a seed alone needs none

    value = seed_for(seed, *purpose)
    torch.manual_seed(value)
    return (generator or torch.Generator()).manual_seed(value)


def choose_threads(batch_size: int, image_shape: tuple[int, int, int], channels: int) -> None:
    """Limit torch to one thread if batches are small; `OMP_NUM_THREADS` takes precedence."""
    worth = is_worth_threads(batch_size, image_shape, channels)
    import torch  # noqa: PLC0415 - those who only ask about cores need none

    if not worth and "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)


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
    """Count the cores that this process may use; a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def let_threads_sleep() -> None:
    """Let the threads of future processes sleep while they wait for each other, not spin.

    With several processes on the same cores, threads that spin keep the others from computing: with
    two processes on two cores, steps of On-NAS took about six times as long. A single process is
    faster with spinning threads. The results are the same.

    It has no effect once the fork server runs, or if `OMP_WAIT_POLICY` is set.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
