"""What the tests of the search space share: double precision, a small batch, an error measure."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from harness.contracts import Batch


@pytest.fixture(autouse=True)
def _alike(double_precision: None) -> None:
    torch.manual_seed(0)


@pytest.fixture
def make_batch() -> Callable[..., Batch]:
    """Return `make_batch(images, size, channels=1)`: random images with labels 0, 1, 2, 0, ..."""

    def make_batch(images: int, size: int, channels: int = 1) -> Batch:
        generator = torch.Generator().manual_seed(1)
        shape = (images, channels, size, size)
        return Batch(torch.randn(shape, generator=generator), torch.arange(images) % 3)

    return make_batch


@pytest.fixture
def relative_error() -> Callable[[Tensor, Tensor], float]:
    """Return `relative_error(found, expected)`: the norm of the difference over the norm."""

    def relative_error(found: Tensor, expected: Tensor) -> float:
        difference = float((found - expected).norm())
        return difference / float(expected.norm()) if difference else 0.0

    return relative_error
