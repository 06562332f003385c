"""Random generators: seeded anew for each purpose, so that no draw depends on the ones before."""

from __future__ import annotations

import torch

from harness.experiment.canonical import digest

__all__ = ["INITIAL_WEIGHTS", "seed_generators"]

INITIAL_WEIGHTS = "initial weights"  # the same ones for every method, pretrained or not


def seed_generators(
    seed: int, *purpose: str | int, generator: torch.Generator | None = None
) -> torch.Generator:
    """Seed torch's global generators for a purpose; return a CPU generator of the same seed.

    Args:
        seed: of the trial.
        purpose: what is drawn, in words and numbers.
        generator: is seeded and returned, in the place of a new one.
    """
    value = int(digest([seed, *purpose])[:15], 16)
    torch.manual_seed(value)
    return (generator or torch.Generator()).manual_seed(value)
