"""What the tests of the methods share: a tiny trial in double precision."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from harness.contracts import Batch, SearchBatch, SearchContext
from harness.experiment.budget import Budget


@pytest.fixture
def make_context() -> Callable[..., SearchContext]:
    """Return `make_context(size=8, steps=3, channels=4, image_channels=1)`, which seeds torch."""

    def make_context(
        size: int = 8, steps: int = 3, channels: int = 4, image_channels: int = 1
    ) -> SearchContext:
        torch.manual_seed(0)
        return SearchContext(
            image_shape=(image_channels, size, size),
            classes=3,
            channels=channels,
            budget=Budget(search_steps=steps),
            steps=steps,
            device=torch.device("cpu"),
            generator=torch.Generator().manual_seed(0),
        )

    return make_context


@pytest.fixture
def make_batch() -> Callable[..., SearchBatch]:
    """Return `make_batch(images=6, size=8, image_channels=1)`: one batch for both updates."""

    def make_batch(images: int = 6, size: int = 8, image_channels: int = 1) -> SearchBatch:
        generator = torch.Generator().manual_seed(1)
        shape = (images, image_channels, size, size)
        batch = Batch(torch.randn(shape, generator=generator), torch.arange(images) % 3)
        return SearchBatch(batch, batch)

    return make_batch
