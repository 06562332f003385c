"""Random generators: seeded anew for each purpose, so that no draw depends on the ones before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.canonical import digest

if TYPE_CHECKING:
    import torch

__all__ = ["INITIAL_WEIGHTS", "seed_for", "seed_generators"]

INITIAL_WEIGHTS = "initial weights"  # the same ones for every method, pretrained or not


def seed_for(seed: int, *purpose: str | int) -> int:
    """Return a trial's seed for one purpose, which words and numbers say; 60 bits."""
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
